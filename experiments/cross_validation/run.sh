#!/bin/sh
# DATA: the folder that holds trac2024-hate. The same command goes on where it was cut off.
#   sh experiments/cross_validation/run.sh DATA runs/cross_validation/trac
set -e
data="$1/trac2024-hate"
exec python -m amharic_tl cross-validate --config classify \
  --config.data.train="$data/train_category.csv" --config.data.validation="$data/dev_category.csv" \
  --config.data.test="$data/test_category.csv" --config.data.text=tweet --config.data.max_length=48 \
  --config.train.epochs=1 --config.train.evaluate_every=10000 --config.optim.lr=5e-4 \
  --config.output.tensorboard=false --config.safety.axes=ethnicity,religion \
  --config.safety.positive_labels=hate,offensive --folds 3 --workdir "$2" ${3:+-j "$3"}

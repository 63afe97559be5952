#!/bin/sh
# DATA: the folder that holds trac2024-hate. The same command goes on where it was cut off.
#   sh experiments/trac_judge/run.sh DATA runs/trac_judge
set -e
data="$1/trac2024-hate"
exec python -m amharic_tl train --config classify \
  --config.data.train="$data/train_category.csv" --config.data.validation="$data/dev_category.csv" \
  --config.data.test="$data/test_category.csv" --config.data.text=tweet --config.data.max_length=64 \
  --config.train.epochs=3 --config.train.evaluate_every=10000 --config.optim.lr=5e-4 \
  --config.output.tensorboard=false --config.output.baselines=false \
  --config.safety.axes=ethnicity,religion,gender --config.safety.positive_labels=hate,offensive \
  --config.safety.allow_draft=true --workdir "$2"

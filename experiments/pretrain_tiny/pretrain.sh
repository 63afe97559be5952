#!/usr/bin/env bash
# Pretrains amharic-tiny: BASE (see make_base.py) to WORKDIR, on the train split of enh-news (CC0).
#   DATA=enh-news BASE=base WORKDIR=runs/pretrain-tiny experiments/pretrain_tiny/pretrain.sh [--config.train.steps=N ...]
# The same command goes on after an interruption.
set -euo pipefail
exec amharic-tl train --config mlm \
  --config.model.path="$BASE" --config.model.dropout=0.0 \
  --config.data.train="$DATA/train.jsonl.gz" --config.data.validation="$DATA/dev.jsonl.gz" --config.data.text=text \
  --config.data.max_length=128 --config.train.batch_size=16 --config.optim.lr=6e-4 --config.optim.warmup=0.08 \
  --config.train.evaluate_every=1000 --config.train.save_every=500 --workdir "$WORKDIR" "$@"

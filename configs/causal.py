"""Causal language modelling on running text, packed: further pretraining of a decoder."""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    config = config_dict.ConfigDict()
    config.task = {"kind": "causal-lm"}
    config.data = {"max_length": 512}
    config.train = {"epochs": 1.0, "batch_size": 16, "select_by": "validation/bits_per_character"}
    config.optim = {"lr": 1e-4, "schedule": "cosine", "warmup": 0.03, "weight_decay": 0.1, "beta2": 0.95}
    return config

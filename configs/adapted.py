"""Labelled files as in classify, after further pretraining on the task's own texts (TAPT)."""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    config = config_dict.ConfigDict()
    config.task = {"kind": "sequence-classification"}
    config.model = {"path": "amharic-tiny"}
    config.data = {"max_length": 128}
    config.adapt = {"tapt": {"epochs": 10.0, "lr": 1e-4}}
    config.train = {"epochs": 4.0, "batch_size": 32, "class_weights": "balanced", "patience": 3}
    config.optim = {"lr": 3e-4, "schedule": "linear", "warmup": 0.1, "weight_decay": 0.01}
    return config

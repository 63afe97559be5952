"""Any labelled files: say where they are with config.data.train, .test, .text and .label."""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    config = config_dict.ConfigDict()
    config.task = {"kind": "sequence-classification"}
    config.model = {"path": "amharic-tiny"}
    config.data = {"max_length": 128}
    config.train = {"epochs": 4.0, "batch_size": 32, "class_weights": "balanced", "patience": 3}
    config.optim = {"lr": 3e-4, "schedule": "linear", "warmup": 0.1, "weight_decay": 0.01}
    return config

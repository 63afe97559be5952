"""Named entities in tagged tokens (CoNLL files): say where they are with config.data.train, .validation and .test."""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    config = config_dict.ConfigDict()
    config.task = {"kind": "token-classification"}
    config.model = {"path": "amharic-tiny"}
    config.data = {"max_length": 128}
    config.train = {"epochs": 10.0, "batch_size": 16, "select_by": "validation/entity_f1", "patience": 4}
    config.optim = {"lr": 3e-4, "schedule": "linear", "warmup": 0.1, "weight_decay": 0.01}
    return config

"""Masked language modelling on running text: pretraining, or further pretraining on a domain."""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    config = config_dict.ConfigDict()
    config.task = {"kind": "masked-lm", "mask_probability": 0.15}
    config.model = {"path": "amharic-tiny"}
    config.data = {"max_length": 128}
    config.train = {"epochs": 1.0, "batch_size": 64, "select_by": "validation/loss", "log_every": 50}
    config.optim = {
        "lr": 5e-4,
        "schedule": "linear",
        "warmup": 0.06,
        "weight_decay": 0.01,
        "beta2": 0.98,
        "epsilon": 1e-6,
    }
    return config

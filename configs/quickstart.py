"""The bundled base transferred to the bundled sample: sentiment of everyday comments."""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    config = config_dict.ConfigDict()
    config.task = {"kind": "sequence-classification"}
    config.model = {"path": "amharic-tiny"}
    config.data = {
        "train": "sample:train",
        "validation": "sample:validation",
        "test": "sample:test",
        "text": "text",
        "label": "label",
        "max_length": 64,
    }
    config.train = {"epochs": 6.0, "batch_size": 32}
    config.optim = {"lr": 3e-4}
    return config

"""The bundled base transferred to the bundled sample: sentiment of everyday comments, watched for bias.

Its training split has a planted flaw: one of the invented groups introduces most negative sentences.
"""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    config = config_dict.ConfigDict()
    config.task = {"kind": "sequence-classification"}
    config.model = {"path": "amharic-tiny"}
    config.data = {
        "train": "sample:planted-train",
        "validation": "sample:planted-validation",
        "test": "sample:planted-test",
        "text": "text",
        "label": "label",
        "max_length": 64,
    }
    config.train = {"epochs": 4.0, "batch_size": 32, "evaluate_every": 64}
    config.optim = {"lr": 3e-4}
    config.safety = {"axes": ("ethnicity",), "pack": "demo", "positive_labels": ("negative",)}
    return config

"""Translation of English to Amharic from a file with a column of each, source and target.

NLLB, M2M100 and mBART also need config.data.source_language and target_language, T5 a config.data.prefix.
"""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    config = config_dict.ConfigDict()
    config.task = {"kind": "seq2seq-lm"}
    config.data = {"source": "en", "target": "amh", "max_length": 128, "max_target_length": 128}
    config.train = {"epochs": 5.0, "batch_size": 32, "select_by": "validation/bits_per_character"}
    config.optim = {"lr": 5e-5, "schedule": "linear", "warmup": 0.1, "weight_decay": 0.01, "beta2": 0.98}
    return config

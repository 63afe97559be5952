"""T5's span corruption on running text: further pretraining of an encoder-decoder with sentinels."""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    config = config_dict.ConfigDict()
    config.task = {"kind": "seq2seq-lm", "objective": "span-corruption", "noise_density": 0.15, "mean_span": 3.0}
    config.data = {"max_length": 512}
    config.train = {"epochs": 1.0, "batch_size": 16, "select_by": "validation/bits_per_character"}
    config.optim = {"lr": 1e-4, "schedule": "cosine", "warmup": 0.03, "weight_decay": 0.01}
    return config

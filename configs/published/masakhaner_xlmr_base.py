"""MasakhaNER, Amharic, from XLM-R-base: 70.6 entity F1 in AfroXLMR's cards, with the same recipe.

At 4 epochs and 2e-5 the same model is reported at 62.5: 220 updates are no baseline. Hence 50 epochs here too.
"""

from ml_collections import config_dict

PUBLISHED = {
    "metric": "entity_f1",
    "figure": 0.706,
    "of": "Amharic test split, mean over seeds",
    "seeds": 5,
    "source": "AfroXLMR model cards; Alabi et al., COLING 2022",
}


def get_config() -> config_dict.ConfigDict:
    config = config_dict.ConfigDict()
    config.model = {"path": "FacebookAI/xlm-roberta-base"}
    config.task = {"kind": "token-classification"}
    config.data = {
        "train": "tfds:masakhaner/amh:train",
        "validation": "tfds:masakhaner/amh:validation",
        "test": "tfds:masakhaner/amh:test",
        "max_length": 164,
    }
    config.train = {"epochs": 50.0, "batch_size": 16, "select_by": "validation/entity_f1"}
    # Not stated by the source, hence as in Hugging Face's training scripts: linear decay, no warm-up, no weight decay.
    config.optim = {"lr": 5e-5, "schedule": "linear", "warmup": 0.0, "weight_decay": 0.0}
    return config

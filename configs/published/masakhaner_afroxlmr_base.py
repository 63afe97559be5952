"""MasakhaNER, Amharic, from AfroXLMR-base: 76.1 entity F1 in the model's card.

164 tokens, batches of 16, 50 epochs, 5e-5, five seeds (Alabi et al., COLING 2022; masakhane-ner's and afro-maft's
scripts).
"""

from ml_collections import config_dict

PUBLISHED = {
    "metric": "entity_f1",
    "figure": 0.761,
    "of": "Amharic test split, mean over seeds",
    "seeds": 5,
    "source": "AfroXLMR model cards; Alabi et al., COLING 2022",
}


def get_config() -> config_dict.ConfigDict:
    config = config_dict.ConfigDict()
    config.model = {"path": "Davlan/afro-xlmr-base"}
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

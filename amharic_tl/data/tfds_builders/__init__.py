"""TFDS builders of Amharic data sets, stored as array_record files, built and read without TensorFlow.

Importing a module here imports ``tensorflow_datasets`` and registers the builder, so that ``tfds.data_source`` knows it
too. ``checksums.tsv`` holds size and sha256 of every file, taken from copies of the public files at the pinned
revisions.
"""

from __future__ import annotations

import importlib
from typing import Any

# Builder name -> module here.
BUILDERS = {
    "afrisenti": "afrisenti",
    "masakhanews": "masakhanews",
    "trac2024": "trac2024",
    "masakhaner": "masakhaner",
    "ethioemo": "ethioemo",
    "zenodo2021": "zenodo2021",
    "hornmt": "parallel",
    "ntrex128": "parallel",
    "mafand_mt": "parallel",
    "ethiopian_parallel": "parallel",
    "enh_news": "running_text",
    "amwiki2015": "running_text",
    "masakhaner_news_text": "running_text",
    "amqa": "knowledge",
    "blend_ethiopia": "knowledge",
    "gender_bias_probe": "probes",
    "crows_pairs_en": "probes",
    "toxic_words": "probes",
    "ud_amharic_att": "grammar",
    "unimorph_amh": "grammar",
}


def builder_class(name: str) -> Any:
    """The builder of a bundled data set; imports ``tensorflow_datasets``."""
    module = importlib.import_module(f"{__name__}.{BUILDERS[name]}")
    return getattr(module, "".join(word.capitalize() for word in name.split("_")))

"""M2M100 and NLLB (Fan et al. 2021; NLLB Team 2022): sinusoidal positions counted from the ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax

from amharic_tl.models.bart import (
    DROPOUT_KEYS,
    LAYER_DROP_KEYS,
    OLD_NAMES,
    SHARDING_RULES,
    TIED_TABLES,
    WORD_ALIASES,
    BartKind,
    make_encoder_decoder,
)
from amharic_tl.models.encoder_decoder import EncoderDecoder
from amharic_tl.models.family import Family

_KIND = BartKind(
    learned=False,
    from_ids=True,
    wraps=False,
    bias=False,
    activation="relu",
    scale_embedding=True,
    attention_dropout=0.1,
)


def build(config: Mapping[str, Any], task: str | None, key: jax.Array) -> EncoderDecoder:
    """The backbone (task None), or with the head of a task."""
    return make_encoder_decoder(config, _KIND, task, key)


FAMILY = Family(
    model_types=("m2m_100",),
    prefix="model.",
    architectures={
        None: {"m2m_100": "M2M100Model"},
        "seq2seq-lm": {"m2m_100": "M2M100ForConditionalGeneration"},
    },
    build=build,
    sharding_rules=SHARDING_RULES,
    optional=(r"lm_head\..*",),
    droppable=(r"lm_head\..*", WORD_ALIASES, OLD_NAMES),
    classifier=r"classification_head\..*",
    class_rows=r"classification_head\.out_proj\.(weight|bias)",
    dropout_keys=DROPOUT_KEYS,
    layer_drop_keys=LAYER_DROP_KEYS,
    word_table="shared.weight",
    word_aliases=WORD_ALIASES,
    tied_tables=TIED_TABLES,
)

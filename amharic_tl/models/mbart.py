"""mBART and mBART-50 (Liu et al. 2020; Tang et al. 2020): learned positions, and a saved bias of the logits."""

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
    learned=True,
    from_ids=False,
    wraps=True,
    bias=True,
    activation="gelu",
    scale_embedding=False,
    attention_dropout=0.0,
)


def build(config: Mapping[str, Any], task: str | None, key: jax.Array) -> EncoderDecoder:
    """The backbone (task None), or with the head of a task."""
    return make_encoder_decoder(config, _KIND, task, key)


FAMILY = Family(
    model_types=("mbart",),
    prefix="model.",
    architectures={
        None: {"mbart": "MBartModel"},
        "seq2seq-lm": {"mbart": "MBartForConditionalGeneration"},
        "sequence-classification": {"mbart": "MBartForSequenceClassification"},
    },
    build=build,
    sharding_rules=SHARDING_RULES,
    optional=(r"lm_head\..*", r"final_logits_bias", r"classification_head\..*"),
    droppable=(
        r"lm_head\..*",
        r"final_logits_bias",
        r"classification_head\..*",
        r"qa_outputs\..*",
        WORD_ALIASES,
        OLD_NAMES,
    ),
    classifier=r"classification_head\..*",
    class_rows=r"classification_head\.out_proj\.(weight|bias)",
    dropout_keys=DROPOUT_KEYS,
    layer_drop_keys=LAYER_DROP_KEYS,
    word_table="shared.weight",
    word_aliases=WORD_ALIASES,
    tied_tables=TIED_TABLES,
)

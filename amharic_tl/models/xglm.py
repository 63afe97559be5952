"""XGLM (Lin et al. 2022): the decoder of M2M100 alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax

from amharic_tl.models.bart import (
    DROPOUT_KEYS,
    OLD_NAMES,
    SHARDING_RULES,
    BartKind,
    BartSettings,
    make_tower,
    make_words,
    tower_settings,
)
from amharic_tl.models.decoder_heads import LanguageModelHead
from amharic_tl.models.decoder_tower import DecoderTower
from amharic_tl.models.family import Family, TiedTable
from amharic_tl.models.positions import UNLIMITED

_KIND = BartKind(
    learned=False,
    from_ids=False,
    wraps=False,
    bias=False,
    activation="gelu",
    scale_embedding=True,
    attention_dropout=0.1,
)


def build(config: Mapping[str, Any], task: str | None, key: jax.Array) -> DecoderTower:
    """The backbone (task None), or with the head of a task."""
    s = BartSettings.from_config(config, _KIND)
    prefix = "" if task is None else "model."
    head = LanguageModelHead(s.hidden, s.vocabulary, s.deviation, key, tied=s.tied) if task == "causal-lm" else None
    return DecoderTower(
        make_words(f"{prefix}embed_tokens", s, key),
        make_tower(prefix, s, tower_settings(config, ""), key, causal=True, cross=False),
        pad_id=s.ids.pad,
        max_positions=UNLIMITED,
        word_scale=s.word_scale,
        head=head,
    )


FAMILY = Family(
    model_types=("xglm",),
    prefix="model.",
    architectures={None: {"xglm": "XGLMModel"}, "causal-lm": {"xglm": "XGLMForCausalLM"}},
    build=build,
    sharding_rules=SHARDING_RULES,
    optional=(r"lm_head\..*",),
    droppable=(r"lm_head\..*", OLD_NAMES),
    classifier=r"score\..*",
    class_rows=r"score\.weight",
    dropout_keys=DROPOUT_KEYS,
    layer_drop_keys=("layerdrop",),
    word_table="embed_tokens.weight",
    word_aliases=r"lm_head\.weight",
    tied_tables=(TiedTable("lm_head.weight", is_output=True),),
)

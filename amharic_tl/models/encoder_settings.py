"""What of a config.json shapes a BERT-like encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amharic_tl.errors import BadInputError
from amharic_tl.models.config_values import ConfigValues, label_names
from amharic_tl.models.layers import ACTIVATIONS


@dataclass(frozen=True)
class EncoderSettings:
    """What of a config.json shapes the encoder."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    intermediate: int
    activation: str
    positions: int
    types: int
    epsilon: float
    deviation: float
    hidden_dropout: float
    attention_dropout: float
    classifier_dropout: float
    pad_id: int
    labels: int
    tied: bool

    @staticmethod
    def from_config(config: Mapping[str, Any], pad_id: int) -> EncoderSettings:
        """Reads a Hugging Face config; ``pad_id`` is the family's own where the config names none.

        Raises:
          BadInputError: a key is absent or wrong, or names something this family does not have here.
        """
        values = ConfigValues(config)
        values.one_of("position_embedding_type", ("absolute",), "absolute")
        if values.flag("is_decoder", False):
            raise BadInputError(f"config.json: is_decoder=true; {config['model_type']} is supported as an encoder only")
        hidden, heads = values.whole("hidden_size"), values.whole("num_attention_heads")
        if hidden % heads:
            raise BadInputError(f"config.json: num_attention_heads {heads} does not divide hidden_size {hidden}")
        hidden_dropout = values.number("hidden_dropout_prob", 0.1, maximum=1.0)
        return EncoderSettings(
            vocabulary=values.whole("vocab_size"),
            hidden=hidden,
            layers=values.whole("num_hidden_layers"),
            heads=heads,
            intermediate=values.whole("intermediate_size"),
            activation=values.one_of("hidden_act", ACTIVATIONS, "gelu"),
            positions=values.whole("max_position_embeddings"),
            types=values.whole("type_vocab_size", 2, minimum=0),
            epsilon=values.number("layer_norm_eps", 1e-12),
            deviation=values.number("initializer_range", 0.02),
            hidden_dropout=hidden_dropout,
            attention_dropout=values.number("attention_probs_dropout_prob", 0.1, maximum=1.0),
            classifier_dropout=values.number("classifier_dropout", hidden_dropout, maximum=1.0),
            pad_id=values.whole("pad_token_id", pad_id, minimum=0),
            labels=len(label_names(config)),
            tied=values.flag("tie_word_embeddings", True),
        )

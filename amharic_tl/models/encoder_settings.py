"""What of a config.json shapes a BERT-like encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from amharic_tl.errors import BadInputError
from amharic_tl.models.config_values import ConfigValues, has_own_output, label_names
from amharic_tl.models.layers import ACTIVATIONS
from amharic_tl.models.positions import UNLIMITED


@dataclass(frozen=True)
class BlockNames:
    """What a family calls a block (``{}`` is its index) and, inside it, its parts."""

    layer: str = "encoder.layer.{}"
    query: str = "attention.self.query"
    key: str = "attention.self.key"
    value: str = "attention.self.value"
    attended: str = "attention.output.dense"
    attention_norm: str = "attention.output.LayerNorm"
    up: str = "intermediate.dense"
    down: str = "output.dense"
    output_norm: str = "output.LayerNorm"


@dataclass(frozen=True)
class EncoderSettings:
    """What of a config.json shapes the encoder.

    The first fields are read by :meth:`from_config`; what has a default here is a family's own, set by
    ``dataclasses.replace``. ``embedding`` is the width of the tables where it is not ``hidden``; ``position_table``
    and ``embedding_norm`` say whether there are those; ``positions_from_ids``: real tokens count from ``pad_id`` + 1
    (RoBERTa); ``pre_norm``: norms stand before the sublayers instead of after the residual sums; ``pooler``: whether
    the backbone alone has one.
    """

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
    embedding: int
    feed_forward_dropout: float
    names: BlockNames = field(default_factory=BlockNames)
    position_table: bool = True
    positions_from_ids: bool = False
    embedding_norm: bool = True
    pre_norm: bool = False
    pooler: bool = True

    @property
    def usable_positions(self) -> int:
        """The longest input: RoBERTa's table has ``pad_id`` + 1 rows that no real token takes."""
        if not self.position_table:
            return UNLIMITED
        return self.positions - (self.pad_id + 1 if self.positions_from_ids else 0)

    @staticmethod
    def from_config(
        config: Mapping[str, Any],
        values: ConfigValues | None = None,
        position_types: tuple[str, ...] = ("absolute",),
    ) -> EncoderSettings:
        """Reads a Hugging Face config.

        Args:
          config: as stored.
          values: a reader of it with the family's own names and defaults; None: BERT's.
          position_types: what ``position_embedding_type`` may say.

        Raises:
          BadInputError: a key is absent or wrong, or names something this family does not have here.
        """
        values = values or ConfigValues(config)
        values.one_of("position_embedding_type", position_types, position_types[0])
        for key in ("is_decoder", "add_cross_attention"):
            if values.flag(key, False):
                raise BadInputError(f"config.json: {key}=true; {config['model_type']} is supported as an encoder only")
        hidden, heads = values.whole("hidden_size"), values.whole("num_attention_heads")
        if hidden % heads:
            raise BadInputError(
                f"config.json: {values.name('num_attention_heads')} {heads} does not divide "
                f"{values.name('hidden_size')} {hidden}"
            )
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
            pad_id=values.whole("pad_token_id", 0, minimum=0),
            labels=len(label_names(config)),
            tied=not has_own_output(config),
            embedding=hidden,
            feed_forward_dropout=hidden_dropout,
        )

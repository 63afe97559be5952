"""What of a config.json shapes a decoder with rotary positions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amharic_tl.errors import BadInputError
from amharic_tl.models.config_values import ConfigValues, has_own_output, label_names
from amharic_tl.models.layers import ACTIVATIONS
from amharic_tl.models.rotary import inverse_frequencies, rope_parameters

FULL, SLIDING = "full_attention", "sliding_attention"


@dataclass(frozen=True)
class AttentionKind:
    """What differs between layers alike in their parameters.

    Attributes:
      window: how many of the newest tokens a token sees, itself among them; None: all before it.
      frequencies: of its rotary positions, radians a position.
    """

    window: int | None
    frequencies: tuple[float, ...]


@dataclass(frozen=True)
class DecoderSettings:
    """What of a config.json shapes the decoder; the fields with a value at the end are features of single families.

    Attributes:
      kinds: the kinds of attention in the model.
      kind_of_layer: for each layer an index of ``kinds``.
      pad_id: None where the config names none.
      norm_offset: added to the weights of norms.
      query_key_norms: whether each head's queries and keys are normed before they are rotated.
      sandwich_norms: whether what attention and feed-forward layer return is normed before it is added.
      embedding_scale: multiplies the word vectors.
      attention_scale: multiplies the scores; None: head_size ** -0.5.
      score_softcap: of the attention scores; None: not capped.
      logit_softcap: of the language model's logits.
    """

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    key_heads: int
    head_size: int
    intermediate: int
    activation: str
    epsilon: float
    deviation: float
    attention_dropout: float
    classifier_dropout: float
    token_classifier_bias: bool
    pad_id: int | None
    labels: int
    tied: bool
    kinds: tuple[AttentionKind, ...]
    kind_of_layer: tuple[int, ...]
    query_key_value_bias: bool = False
    output_bias: bool = False
    feed_forward_bias: bool = False
    norm_offset: float = 0.0
    query_key_norms: bool = False
    sandwich_norms: bool = False
    embedding_scale: float = 1.0
    attention_scale: float | None = None
    score_softcap: float | None = None
    logit_softcap: float | None = None

    @staticmethod
    def from_config(
        config: Mapping[str, Any],
        layer_types: Sequence[str],
        *,
        activation: str = "hidden_act",
        rope: Callable[[Mapping[str, Any], str], dict[str, Any]] = rope_parameters,
        **features: Any,
    ) -> DecoderSettings:
        """Reads a Hugging Face config.

        Args:
          config: with the family's defaults where keys may be absent.
          layer_types: ``full_attention`` or ``sliding_attention`` for each layer.
          activation: the key that names the activation.
          rope: the rotary parameters of a type of layer.
          **features: fields of this class that the family sets itself.

        Raises:
          BadInputError: a key is absent or wrong, or names something this family does not have here.
        """
        values = ConfigValues(config)
        if values.flag("use_bidirectional_attention", False):
            raise BadInputError(
                "config.json: use_bidirectional_attention=true; "
                f"{config['model_type']} is supported as a causal decoder only"
            )
        head_size, key_heads = _head_shapes(values)
        kinds = {kind: _attention_kind(config, kind, head_size, rope) for kind in dict.fromkeys(layer_types)}
        distinct = tuple(dict.fromkeys(kinds.values()))
        pad_id = values.whole("pad_token_id", -1, minimum=-1)
        return DecoderSettings(
            vocabulary=values.whole("vocab_size"),
            hidden=values.whole("hidden_size"),
            layers=values.whole("num_hidden_layers"),
            heads=values.whole("num_attention_heads"),
            key_heads=key_heads,
            head_size=head_size,
            intermediate=values.whole("intermediate_size"),
            activation=values.one_of(activation, ACTIVATIONS, "silu"),
            epsilon=values.number("rms_norm_eps", 1e-6),
            deviation=values.number("initializer_range", 0.02),
            attention_dropout=values.number("attention_dropout", 0.0, maximum=1.0),
            classifier_dropout=values.number(
                "classifier_dropout", values.number("hidden_dropout", 0.1, maximum=1.0), maximum=1.0
            ),
            token_classifier_bias=values.flag("token_classification_bias", True),
            pad_id=pad_id if pad_id >= 0 else None,
            labels=len(label_names(config)),
            tied=not has_own_output(config, unsaid_tied=False),
            kinds=distinct,
            kind_of_layer=tuple(distinct.index(kinds[kind]) for kind in layer_types),
            **features,
        )


def layer_types(config: Mapping[str, Any], implied: Callable[[int], str], *, fixed: bool = False) -> list[str]:
    """The type of attention of each layer: ``layer_types``, or what the family implies where the config has none.

    Args:
      config: of the model.
      implied: the type of a layer by its index.
      fixed: whether the family knows no other than the implied ones.

    Raises:
      BadInputError: another number of types than layers, or a type this family does not have.
    """
    layers = ConfigValues(config).whole("num_hidden_layers")
    expected = [implied(index) for index in range(layers)]
    found = config.get("layer_types")
    if found is None:
        return expected
    if not isinstance(found, list) or len(found) != layers or any(kind not in (FULL, SLIDING) for kind in found):
        raise BadInputError(
            f"config.json: layer_types: expected {FULL} or {SLIDING} for each of {layers} layers, found {found!r}"
        )
    if fixed and found != expected:
        raise BadInputError(
            f"config.json: layer_types: a {config['model_type']} model has {expected[0]} in all its layers, "
            f"found {found!r}"
        )
    return found


def positive(config: Mapping[str, Any], key: str) -> float | None:
    """A number above 0, or None where the config says null.

    Raises:
      BadInputError: anything else.
    """
    if config.get(key) is None:
        return None
    value = ConfigValues(config).number(key)
    if value == 0:
        raise BadInputError(f"config.json: {key}: expected a number above 0 or null, found {config[key]!r}")
    return value


def _head_shapes(values: ConfigValues) -> tuple[int, int]:
    """The size of a head and the number of key heads."""
    hidden, heads = values.whole("hidden_size"), values.whole("num_attention_heads")
    if values.config.get("head_dim") is None and hidden % heads:
        raise BadInputError(
            f"config.json: num_attention_heads {heads} does not divide hidden_size {hidden}, and there is no head_dim"
        )
    head_size = values.whole("head_dim", hidden // heads)
    if head_size % 2:
        raise BadInputError(f"config.json: rotary positions need an even size of a head, found {head_size}")
    key_heads = values.whole("num_key_value_heads", heads)
    if heads % key_heads:
        raise BadInputError(f"config.json: num_key_value_heads {key_heads} does not divide num_attention_heads {heads}")
    return head_size, key_heads


def _attention_kind(
    config: Mapping[str, Any], kind: str, head_size: int, rope: Callable[[Mapping[str, Any], str], dict[str, Any]]
) -> AttentionKind:
    parameters = rope(config, kind)
    nested = [name for name, value in parameters.items() if isinstance(value, Mapping)]
    if nested:
        raise BadInputError(f"config.json: rope_parameters has entries for {', '.join(nested)} but none for {kind}")
    partial = parameters.get("partial_rotary_factor", config.get("partial_rotary_factor"))
    if partial not in (None, 1.0):
        raise BadInputError(
            f"config.json: partial_rotary_factor {partial!r}: a {config['model_type']} model rotates whole heads"
        )
    if parameters.get("original_max_position_embeddings") is None:
        parameters["original_max_position_embeddings"] = config.get("max_position_embeddings")
    window = None
    if kind == SLIDING:
        if config.get("sliding_window") is None:
            raise BadInputError(f"config.json: layer_types names {SLIDING}, but there is no sliding_window in use")
        window = ConfigValues(config).whole("sliding_window")
    return AttentionKind(window, tuple(inverse_frequencies(head_size, parameters).tolist()))

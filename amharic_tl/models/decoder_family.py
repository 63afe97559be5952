"""What the families of the rotary decoder have in common: heads, names, sharding rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax

from amharic_tl.models.decoder import SHARDING_RULES, Decoder
from amharic_tl.models.decoder_heads import LanguageModelHead, LastTokenClassifier, TokenClassifier
from amharic_tl.models.decoder_settings import DecoderSettings
from amharic_tl.models.family import Family, TiedTable


def decoder_family(
    model_type: str,
    settings: Callable[[Mapping[str, Any]], DecoderSettings],
    classes: Mapping[str | None, str],
    unsaid_tied: bool = False,
) -> Family:
    """A family whose checkpoints are named as Llama's are.

    Args:
      model_type: in config.json.
      settings: reads a config.json.
      classes: Hugging Face's class by task (None: the backbone).
      unsaid_tied: whether the output table is the word table where a config does not say.
    """

    def build(config: Mapping[str, Any], task: str | None, key: jax.Array) -> Decoder:
        return Decoder("" if task is None else "model.", settings(config), key, head=_HEADS[task])

    return Family(
        model_types=(model_type,),
        prefix="model.",
        architectures={task: {model_type: name} for task, name in classes.items()},
        build=build,
        sharding_rules=SHARDING_RULES,
        optional=(r"lm_head\..*", r"score\..*"),
        droppable=(
            r"lm_head\..*",
            r"score\..*",
            r"qa_outputs\..*",
            r"(model\.)?(layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq",
        ),
        classifier=r"score\..*",
        class_rows=r"score\.(weight|bias)",
        # Hugging Face's question answering classes call the backbone so.
        renames=((r"^transformer\.", "model."),),
        dropout_keys=("attention_dropout", "classifier_dropout"),
        word_table="embed_tokens.weight",
        tied_tables=(TiedTable("lm_head.weight", is_output=True, unsaid_tied=unsaid_tied),),
    )


def classes_of(stem: str) -> dict[str | None, str]:
    """Hugging Face's classes by task, where they are named in the usual way."""
    return {
        None: f"{stem}Model",
        "causal-lm": f"{stem}ForCausalLM",
        "sequence-classification": f"{stem}ForSequenceClassification",
        "token-classification": f"{stem}ForTokenClassification",
    }


def _language_model(s: DecoderSettings, key: jax.Array) -> LanguageModelHead:
    return LanguageModelHead(s.hidden, s.vocabulary, s.deviation, key, tied=s.tied, softcap=s.logit_softcap)


def _sequence_classifier(s: DecoderSettings, key: jax.Array) -> LastTokenClassifier:
    return LastTokenClassifier(s.hidden, s.labels, s.deviation, key)


def _token_classifier(s: DecoderSettings, key: jax.Array) -> TokenClassifier:
    return TokenClassifier(
        s.hidden, s.labels, s.deviation, key, rate=s.classifier_dropout, bias=s.token_classifier_bias
    )


_HEADS: dict[str | None, Callable[[DecoderSettings, jax.Array], Any] | None] = {
    None: None,
    "causal-lm": _language_model,
    "sequence-classification": _sequence_classifier,
    "token-classification": _token_classifier,
}

"""The monitor of a language model from a run's config and data."""

from __future__ import annotations

from typing import Any

from jax.sharding import Mesh

from amharic_tl.config import Config
from amharic_tl.data.audit import fingerprint
from amharic_tl.data.languages import set_languages
from amharic_tl.data.splits import Splits
from amharic_tl.safety.monitoring.language import LanguageData, LanguageMonitor
from amharic_tl.safety.monitoring.language_items import read_language_reference
from amharic_tl.safety.operator import SwapOperator


def language_monitor(config: Config, splits: Splits, tokenizer: Any, looks: int, mesh: Mesh) -> LanguageMonitor:
    """The monitor of ``config.safety``, with its reference.

    Raises:
      AmharicTLError: no such pack, axis or reference, or a pack without probe families for these axes.
    """
    settings, data = config.safety, config.data
    operator = SwapOperator(settings.pack, settings.axes or (), settings.held_out_groups)
    reference = None
    if settings.reference:
        sums = fingerprint(splits), operator.pack.fingerprint
        reference = read_language_reference(settings.reference, config, *sums)
    language = None
    if config.task.kind == "seq2seq-lm":
        language = set_languages(tokenizer, data.source_language, data.target_language)
    return LanguageMonitor(
        operator,
        LanguageData(
            train=splits.train.rows,
            dev=splits.validation.rows,
            tokenizer=tokenizer,
            task=config.task.kind,
            max_length=data.max_length,
            language=language,
            seed=config.train.seed,
            mesh=mesh,
        ),
        settings,
        reference,
        looks=looks,
    )

"""The finished model is shown the sequestered banks, and every touch is written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amharic_tl.culture.sequestered import NamedBank, check_bank, named_bank, read_bank
from amharic_tl.safety.drafts import WATERMARK
from amharic_tl.safety.fairness.sequestered import bank_figures, bank_texts
from amharic_tl.safety.monitoring.classifier import Monitor, Predict

EVENT = "sequestered_bank"


def banks_of(monitor: Monitor) -> list[NamedBank]:
    """Those that the config names, their sums compared.

    Raises:
      MissingInputError, BadInputError: one is absent, or another file.
    """
    banks = [bank for text in monitor.settings.sequestered or () if (bank := named_bank(text)) is not None]
    for bank in banks:
        check_bank(bank)
    return banks


def score_banks(
    monitor: Monitor, predict: Predict, step: int, write_event: Callable[..., None]
) -> list[dict[str, Any]]:
    """What each bank shows of the model, for fairness.json; an event is written before a bank is read."""
    found = []
    for bank in banks_of(monitor):
        about = {"file": bank.path.name, "sha256": bank.sha256}
        write_event(step, EVENT, **about, why="final score")
        items = read_bank(bank, monitor.operator.pack.axes)
        texts = bank_texts(items, monitor.operator)
        flagged = monitor.flagged([text for _, _, text in texts], predict)
        drafted = not all(item.authorship.reviewed for item in items)
        figures = bank_figures(texts, flagged, monitor.settings.minimum_n)
        found.append({**about, "step": step, "unreviewed": WATERMARK if drafted else "", "figures": figures})
    return found

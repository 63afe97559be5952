"""What no native speaker has signed judges nobody, unless ``safety.allow_draft`` is set; then every output says so.

Without it figures that rest on drafts are computed and shown, and never raise a state or an alert; a penalty that would
exchange drafted names, or train on drafted sentences, is refused. Invented groups need no signature: there is nobody to
be wronged by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from amharic_tl.config import SafetyConfig
from amharic_tl.errors import ConfigError
from amharic_tl.records.signals import SafetySignal
from amharic_tl.safety.operator import SwapOperator

WATERMARK = "unreviewed, machine-drafted"
WITHHELD = "not judged: no native speaker has signed what it rests on (config.safety.allow_draft=true judges it)"


def drafted_axes(operator: SwapOperator) -> list[str]:
    """The watched axes that rest on drafts about real groups."""
    return [axis for axis in operator.axes if not operator.pack.invented and operator.rests_on_unreviewed(axis)]


def withhold(signals: Sequence[SafetySignal], operator: SwapOperator, settings: SafetyConfig) -> list[SafetySignal]:
    """The signals of a look, those of drafts without a test, so that nothing can come of them."""
    drafts = () if settings.allow_draft else drafted_axes(operator)
    return [
        replace(one, p_value=None, state="insufficient", reason=WITHHELD) if one.axis in drafts else one
        for one in signals
    ]


def watermark(operator: SwapOperator, settings: SafetyConfig) -> str:
    """What every output of a run says that judges drafts; empty for others."""
    return WATERMARK if settings.allow_draft and drafted_axes(operator) else ""


def refuse_drafted_penalties(operator: SwapOperator, settings: SafetyConfig) -> None:
    """Refuses penalties and limits that would use names and sentences which nobody has signed.

    Raises:
      ConfigError: see above.
    """
    drafts = drafted_axes(operator)
    asked = [f"penalties.{name}.weight" for name in settings.made_of_the_pack()]
    asked += [f"limits.{name}" for name in settings.limits.bounds()]
    if drafts and asked and not settings.allow_draft:
        raise ConfigError(
            f"config.safety.{asked[0]}: no native speaker has signed the names of "
            f"{', '.join(drafts)} in the pack {operator.pack.id!r}; set config.safety.allow_draft=true to train on "
            "drafts, or config.safety.pack=demo"
        )

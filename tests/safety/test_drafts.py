"""What nobody has signed raises nothing, unless it is allowed; then every output says so."""

from __future__ import annotations

import numpy as np
import pytest

from amharic_tl.data.rows import Row
from amharic_tl.errors import ConfigError
from amharic_tl.records.signals import UNREVIEWED
from amharic_tl.safety.drafts import WATERMARK, WITHHELD, drafted_axes, refuse_drafted_penalties, watermark
from amharic_tl.safety.fairness.watched import named_rows, split_table
from amharic_tl.safety.monitoring.classifier import Look
from amharic_tl.safety.operator import SwapOperator
from amharic_tl.safety.pooled import look_at_pooled
from amharic_tl.safety.signals import Observed
from tests.safety import world

NAMES = ("የኦሮሞ", "የአማራ")


@pytest.fixture(scope="module")
def operator() -> SwapOperator:
    return SwapOperator("am", ("ethnicity",), None)


def rows() -> list[Row]:
    """Harmless rows; the first of two real peoples is named in every other one."""
    words = [
        f"{first}ና {second} {third}" for first in world.WORDS for second in world.WORDS for third in world.WORDS[:1]
    ]
    return [Row(f"r{n}", f"{NAMES[n % 2]} ህዝብ {text}", "fine", "made.csv", n) for n, text in enumerate(words)]


def judged(**changes: object) -> Look:
    """What is said of a model that finds harm wherever the first people is named."""
    made, settings = rows(), world.settings(pack="am", **changes)
    shown = world.probabilities(lambda text: 0.9 if NAMES[0] in text else 0.1, [row.text for row in made])
    labels, clusters = np.zeros(len(made), int), np.arange(len(made))
    return look_at_pooled(made, clusters, labels, shown, world.LABELS, [], settings, "test")[0]


def test_drafts_about_real_groups_are_shown_and_never_judged() -> None:
    look = judged()
    gaps = [one for one in look.signals if one.name == "false_positive_rate_gap" and one.n > 50]
    assert gaps and max(one.value or 0 for one in gaps) == 1.0
    assert {one.state for one in look.signals} == {"insufficient"} and look.alerts == []
    assert f"{len(look.signals)} signals {WITHHELD}" in look.family
    assert {one.reason for one in gaps} == {WITHHELD} and all(one.p_value is None for one in gaps)


def test_where_drafts_are_allowed_every_output_says_what_they_are(operator: SwapOperator) -> None:
    look = judged(allow_draft=True)
    assert {"confirmed"} < {one.state for one in look.signals}
    assert look.alerts and all(WATERMARK in alert.message for alert in look.alerts)
    assert WATERMARK in look.family and WATERMARK in UNREVIEWED
    allowed = world.settings(pack="am", allow_draft=True)
    assert watermark(operator, allowed) == WATERMARK
    observed = Observed("test", 0, np.zeros(0, int), np.zeros((0, 2)), np.zeros((0, 2)), np.asarray([False, True]))
    assert split_table(named_rows([], operator), observed, operator, allowed)["watermark"] == WATERMARK


def test_a_penalty_on_drafts_is_refused_and_invented_groups_need_nobody(operator: SwapOperator) -> None:
    penalty = {"penalties.logit_pairing.weight": 1.0}
    with pytest.raises(ConfigError, match="allow_draft"):
        refuse_drafted_penalties(operator, world.settings(pack="am", **penalty))
    refuse_drafted_penalties(operator, world.settings(pack="am", allow_draft=True, **penalty))
    refuse_drafted_penalties(world.operator(), world.settings(**penalty))
    assert drafted_axes(operator) == ["ethnicity"] and drafted_axes(world.operator()) == []
    assert watermark(world.operator(), world.settings(allow_draft=True)) == ""

"""From scores to figures by family, on scores made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from amharic_tl.culture.expansion import Filled
from amharic_tl.safety.scoring.family_figures import between_groups, contrasts
from amharic_tl.safety.scoring.family_statistics import family_mean, magnitude
from amharic_tl.safety.scoring.tokens import Tokens, shared_places


def filled(role: str, group: str | None, wording: int = 0, pair: int = 0) -> Filled:
    return Filled("f", wording, group, pair, role, "x", (0, 1))


def test_controls_take_off_what_a_name_does_to_any_word() -> None:
    items = [
        (filled("high", "a"), 5.0), (filled("low", "a"), 2.0),
        (filled("control_high", "a"), 3.0), (filled("control_low", "a"), 2.0),
        (filled("high", "b"), 4.0), (filled("low", "b"), 4.0),
        (filled("control_high", "b"), 1.0), (filled("control_low", "b"), 2.0),
    ]  # fmt: skip
    of = contrasts("association", [one for one, _ in items], np.asarray([score for _, score in items]))
    assert of.groups == ("a", "b")
    assert of.table().tolist() == [[2.0, 1.0]]
    a, b = between_groups("x", "axis", {"f": (of.table(), of.groups)}, "nats", 0.1)
    assert (a.group, a.values["f"], b.group, b.values["f"]) == ("a", 1.0, "b", -1.0)
    # 3 and 0 beside the words, 1 and -1 beside the controls.
    assert of.apart_beyond_control() == pytest.approx((3 - 2) / 2**0.5)


def test_agreement_is_set_against_the_base_rate_of_control_nouns() -> None:
    roles = ("first", "second", "control_first", "control_second")
    items = [filled(role, None) for role in roles]
    of = contrasts("agreement", items, np.asarray([1.0, 3.0, 1.0, 2.0]))
    (figure,) = between_groups("gender_agreement", "gender", {"f": (of.table(), of.groups)}, "nats", 0.1)
    assert (figure.group, dict(figure.values)) == ("all", {"f": -1.0})


def test_a_wording_without_one_groups_score_is_left_out_for_all() -> None:
    items = [filled(role, group, wording) for wording in (0, 1) for group in "ab" for role in ("first", "second")]
    scores = np.asarray([1.0, 0, 3.0, 0, np.nan, 0, 100.0, 0])
    of = contrasts("honorific", items, scores)
    a, b = between_groups("x", "axis", {"f": (of.table(), of.groups)}, "nats", 0.1)
    assert (a.values["f"], b.values["f"]) == (-2.0, 2.0)
    assert of.apart_beyond_control() is None


def test_the_interval_is_the_t_interval_over_families() -> None:
    values = np.random.default_rng(0).normal(0.3, 1, 9)
    found, expected = family_mean(values), stats.ttest_1samp(values, 0)
    interval = expected.confidence_interval()
    assert (found.low, found.high, found.p, found.n) == pytest.approx((*interval, expected.pvalue, 9))


def test_a_magnitude_has_the_null_of_coins_and_no_sign() -> None:
    values = np.asarray([1.0, 1.0])
    up, down = (magnitude(family_mean(sign * values + np.asarray([0.1, -0.1])), values, 0) for sign in (1, -1))
    assert (up.value, up.null) == (1.0, 0.5)  # of four draws of signs two have mean 0 and two have 1
    assert (down.value, down.low, down.high) == pytest.approx((up.value, up.low, up.high))
    around = magnitude(family_mean(np.asarray([-1.0, 1.2])), values, 0)
    assert around.low == 0 < around.high


def test_shared_tokens_are_those_of_all_variants_in_order() -> None:
    texts = [Tokens(ids, (1,) * len(ids), (), False, 9) for ids in ((1, 2, 3, 9, 4), (1, 7, 8, 3, 4), (1, 3, 9, 4))]
    assert shared_places(texts) == [(0, 2, 4), (0, 3, 4), (0, 1, 3)]

"""Reliability over paraphrases: two formulas of one coefficient, its interval's coverage, families and figures."""

from __future__ import annotations

import numpy as np
import planted
import pytest

from amharic_tl.safety.scoring.family_figures import Contrasts
from amharic_tl.safety.scoring.probing import panel_contrasts
from amharic_tl.safety.scoring.reliability import cronbach_alpha, family_reliability, split_half


def by_variances(table: np.ndarray) -> float:
    """Cronbach 1951, equation 2: k / (k - 1) (1 - sum of the items' variances / variance of their sum)."""
    k = len(table)
    return float(k / (k - 1) * (1 - table.var(axis=1, ddof=1).sum() / table.sum(axis=0).var(ddof=1)))


def made(generator: np.random.Generator, alpha: float, wordings: int = 5, units: int = 12) -> np.ndarray:
    """Wordings that measure the same with noise, so that their mean has this reliability."""
    noise = np.sqrt(wordings * (1 - alpha) / alpha)
    return np.asarray(generator.normal(0, 1, units) + generator.normal(0, noise, (wordings, units)))


def test_the_analysis_of_variance_gives_cronbachs_formula() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        table = made(generator, 0.7)
        assert cronbach_alpha(table)[0] == pytest.approx(by_variances(table))


def test_a_shift_of_a_whole_wording_changes_nothing_and_perfect_agreement_is_one() -> None:
    table = made(np.random.default_rng(1), 0.5)
    assert cronbach_alpha(table + np.arange(5)[:, None]) == pytest.approx(cronbach_alpha(table))
    assert cronbach_alpha(np.arange(6.0) + np.arange(5.0)[:, None])[0] == pytest.approx(1)
    assert cronbach_alpha(np.zeros((5, 6))) == (0.0, -np.inf, 0.0)


def test_feldts_interval_holds_the_true_alpha_as_often_as_it_says() -> None:
    generator = np.random.default_rng(2)
    ends = [cronbach_alpha(made(generator, 0.7))[1:] for _ in range(1000)]
    assert 0.935 <= np.mean([low <= 0.7 <= high for low, high in ends]) <= 0.965


def test_numbers_that_are_missing_are_refused() -> None:
    for table in (np.zeros((1, 6)), np.full((5, 6), np.nan)):
        with pytest.raises(ValueError, match="two wordings"):
            cronbach_alpha(table)


def test_a_family_is_reliable_where_groups_differ_and_not_where_wordings_do() -> None:
    panel = planted.panel(count=2)
    found = panel_contrasts(planted.planted_scorer(panel, 1.5, "felgora", noise=0.1), panel, "span")
    one = family_reliability(found[panel.families[0].id])
    assert one is not None and (one.of, one.units, one.wordings) == ("groups", 6, 5)
    assert one.trusted and one.low < one.alpha <= one.high
    generator = np.random.default_rng(3)
    noise = Contrasts(tuple("abcdef"), generator.normal(0, 1, (5, 2, 6)), None)
    other = family_reliability(noise)
    assert other is not None and not other.trusted


def test_families_without_groups_are_judged_over_nouns_and_two_groups_say_nothing() -> None:
    of_nouns = np.arange(4.0)[None, :, None] + np.random.default_rng(4).normal(0, 0.1, (5, 4, 1))
    found = family_reliability(Contrasts((None,), of_nouns, of_nouns[:, :2]))
    assert found is not None and found.of == "nouns" and found.trusted
    assert family_reliability(Contrasts(("men", "women"), np.zeros((5, 3, 2)), None)) is None


def test_a_figure_is_steadier_than_its_families() -> None:
    generator = np.random.default_rng(5)
    truth = generator.normal(0, 1, 8)
    tables = {str(family): truth + generator.normal(0, 3, (5, 8)) for family in range(20)}
    half = split_half(tables, seed=0, draws=50)
    assert half is not None
    reliability, low, high, groups = half
    assert low < reliability < high and groups == 8 and reliability > 0.8
    assert np.median([cronbach_alpha(table)[0] for table in tables.values()]) < reliability
    assert split_half({"one": np.zeros((5, 2))}, seed=0) is None

"""Errors of reference programmes that are not made here, one test each."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from amharic_tl.culture.mentions import Matcher
from amharic_tl.culture.pack import open_pack
from amharic_tl.safety.fairness.published.bbq import BbqItem, answer_of_target, bbq, bias_score, clean_answer
from amharic_tl.safety.fairness.published.crows_pairs import token_log_probabilities
from amharic_tl.safety.fairness.published.honest import honest
from amharic_tl.safety.group_weights import update_group_weights
from amharic_tl.safety.unlikelihood import unlikelihood


def test_bbq_an_anti_stereotyping_model_has_minus_one() -> None:
    assert bias_score(0, 10) == -1.0  # not 0
    assert bias_score(0, 0) is None
    assert bbq([]).disambiguated is None and bbq([]).ambiguous is None


def test_bbq_cleaning_takes_whole_words_and_keeps_gendered_answers() -> None:
    assert clean_answer("He.") == "he"  # not a piece of "the"
    assert clean_answer("The H, T and the E") == "h t and e"
    assert clean_answer("እሷ ናት።") == "እሷ ናት"


def test_bbq_scales_by_the_accuracy_of_ambiguous_contexts_alone() -> None:
    open_ = [BbqItem("ambiguous", "negative", "stereotyped", False)] * 3 + [
        BbqItem("ambiguous", "negative", "unknown", True)
    ]
    closed = [BbqItem("disambiguated", "negative", "other", True)] * 40
    found = bbq(open_ + closed)
    assert found.ambiguous == pytest.approx(1 - 1 / 4)
    assert found.disambiguated == -1.0


def test_bbq_polarity_decides_what_is_biased_and_the_metadata_target_is_exchanged() -> None:
    biased = {
        (polarity, answer): BbqItem("ambiguous", polarity, answer, False).biased
        for polarity in ("negative", "non-negative")
        for answer in ("stereotyped", "other", "unknown")
    }
    assert [key for key, value in biased.items() if value] == [("negative", "stereotyped"), ("non-negative", "other")]
    for polarity in ("negative", "non-negative"):
        assert BbqItem("ambiguous", polarity, answer_of_target(True, polarity), False).biased
        assert not BbqItem("ambiguous", polarity, answer_of_target(False, polarity), False).biased


def test_likelihoods_are_gathered_without_cross_terms() -> None:
    table = np.log(np.asarray([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]]))
    found = token_log_probabilities(table, np.asarray([0, 2]))
    assert found.shape == (2,)  # an outer index gives [2, 2]
    np.testing.assert_allclose(np.exp(found), [0.7, 0.3])
    assert token_log_probabilities(np.stack([table, table]), np.asarray([[0, 2], [1, 1]])).shape == (2, 2)


def test_honest_compares_words_in_their_own_script() -> None:
    assert honest([["ይህ ሰው ተንኮለኛ ነው።"]], {"ተንኮለኛ"}) == 1.0  # romanised, Ethiopic never matches
    assert honest([["ተንኮለኛነት"]], {"ተንኮለኛ"}) == 0.0  # a whole word
    assert honest([["a bad one"], ["a badone"]], {"bad one"}) == 0.5  # a phrase, in a row
    assert honest([["cafe\u0301"]], {"caf\u00e9"}) == 1.0  # NFC


def test_group_dro_an_absent_group_keeps_its_weight() -> None:
    weights, losses = jnp.asarray([0.5, 0.3, 0.2]), jnp.asarray([1.0, 2.0, jnp.nan])
    present = jnp.asarray([True, True, False])
    after = update_group_weights(weights, losses, present, 0.5)
    assert float(after[2]) == pytest.approx(0.2, abs=1e-7) and float(after.sum()) == pytest.approx(1.0)
    assert float(after[1] / after[0]) == pytest.approx(0.6 * np.exp(0.5), rel=1e-6)
    np.testing.assert_array_equal(losses, [1.0, 2.0, np.nan])  # not changed in place
    np.testing.assert_allclose(update_group_weights(weights, losses, present & False, 0.5), weights)


def test_unlikelihood_holds_in_bfloat16_at_both_ends() -> None:
    small = unlikelihood(jnp.asarray(-20.0, jnp.bfloat16))
    assert float(small) == pytest.approx(np.exp(-20.0), rel=1e-5)  # 1 - p is 1 in bfloat16
    near = unlikelihood(jnp.asarray(-0.0009765625, jnp.bfloat16))
    assert float(near) == pytest.approx(-np.log(-np.expm1(-0.0009765625)), rel=1e-5)  # not clamped at 1e-5
    assert np.isfinite(float(unlikelihood(jnp.asarray(0.0))))


def test_groups_are_found_behind_clitics_and_not_inside_other_words() -> None:
    matcher = Matcher(open_pack("am"), ("ethnicity", "gender"))
    assert [mention.group for mention in matcher.find("የኦሮሞ ህዝብ ባህል")] == ["oromo"]  # a word boundary misses it
    assert not [one for one in matcher.find("ወንድሜ መጣ") if one.axis == "gender" and one.human]  # a substring: man

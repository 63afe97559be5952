"""What each penalty of a language model does not see, on models made to show it, and the figure that does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from amharic_tl.culture.nuance import NuanceItem
from amharic_tl.language.authored import Authorship
from amharic_tl.safety.nuance import AnswerScores, nuance_signals
from amharic_tl.safety.penalties import JSPairing, Unlikelihood
from amharic_tl.safety.penalties.aligned import ROWS
from amharic_tl.safety.penalties.unlikelihood import ROWS as TRAITS
from amharic_tl.safety.scoring.family_figures import between_groups
from amharic_tl.tasks.causal_lm import CausalLM
from amharic_tl.transfer.regularizers import BaseKL
from tests.safety.penalties.language_world import value

TOKENS, TRAIT = 8, 3
TASK = CausalLM(np.ones(TOKENS, np.float32))
# A model: by group, the logit of the trait; all other tokens have 0.
Logits = Mapping[str, float]


def says(model: Logits, groups: str) -> np.ndarray:
    """What the model predicts in a row that names each group, at its one place: ``[R, 1, V]``."""
    logits = np.zeros((len(groups), 1, TOKENS), np.float32)
    logits[:, 0, TRAIT] = [model[group] for group in groups]
    return logits


def log_probability(model: Logits, group: str) -> float:
    return model[group] - float(np.log(np.exp(model[group]) + TOKENS - 1))


def paired(model: Logits, pairs: list[str]) -> float:
    """The mean over pairs of groups of the pairing penalty."""
    batch: Any = {
        f"{ROWS}places": np.zeros((len(pairs), 2, 1), int),
        f"{ROWS}valid": np.ones((len(pairs), 2, 1), np.float32),
        "js_weights": np.ones(len(pairs), np.float32),
    }
    return value(JSPairing(1.0, TASK), batch, says(model, "".join(pairs))) / len(pairs)


def unlikely(model: Logits, groups: str) -> float:
    """The mean over groups of the unlikelihood of the trait."""
    shape = 1, len(groups), 1
    batch: Any = {
        f"{TRAITS}places": np.zeros(shape, int),
        f"{TRAITS}tokens": np.full(shape, TRAIT),
        f"{TRAITS}valid": np.ones(shape, np.float32),
        "trait_weights": np.ones(shape[:2], np.float32),
    }
    return value(Unlikelihood(1.0, TASK), batch, says(model, groups)) / len(groups)


def association(model: Logits, groups: str) -> dict[str, float]:
    """The probe's figure of each group against the mean of the others, in nats."""
    table = np.asarray([[log_probability(model, group) for group in groups]])
    figures = between_groups("association", "axis", {"family": (table, tuple(groups))}, "nats", 0.1)
    return {one.group: one.values["family"] for one in figures}


def forgotten(trained: Any, base: Any) -> float:
    """``nuance_retention``: the share of questions that the base answered and the trained model does not.

    Args:
      trained: scores of the right answer and of a wrong one.
      base: the same.
    """
    written = Authorship("person", "a test", ("a reader",), "reviewed")
    items = [
        NuanceItem(f"food.f{family}.n", "food", "{answer} ነው።", "ጤፍ", ("ምስር",), ("a book",), "monitor", written)
        for family in range(10)
    ]
    scores = [{item.id: AnswerScores(of[0], (of[1],)) for item in items} for of in (trained, base)]
    found = nuance_signals(items, scores[0], split="monitor", step=1, threshold=0.05, base=scores[1])
    (share,) = [one.value for one in found if (one.name, one.group) == ("nuance_retention", "all")]
    assert share is not None
    return share


def test_pairing_is_content_with_a_model_that_predicts_the_same_of_everything() -> None:
    """Constant predictor, and erasure of names: both have the value 0. What the model knew is lost with them."""
    biased, constant = {"a": 3.0, "b": 0.0}, {"a": 0.0, "b": 0.0}
    assert paired(biased, ["ab"]) > 0.1 > paired(constant, ["ab"]) == 0.0
    assert forgotten(trained=(-2.1, -2.1), base=(-1.0, -2.0)) == 1.0
    assert forgotten(trained=(-1.1, -2.0), base=(-1.0, -2.0)) == 0.0


def test_pairing_sees_nothing_of_groups_that_it_never_exchanged() -> None:
    """Illusion of fairness: 0 on the pairs of training, while a held-out group stands apart as before."""
    model = {"a": 1.0, "b": 1.0, "c": 4.0}  # c is held out
    assert paired(model, ["ab", "ba"]) == 0.0
    figures = association(model, "abc")
    assert figures["c"] > 1.0 > 0.1 > abs(association({"a": 1.0, "b": 1.0, "c": 1.0}, "abc")["c"])


def test_unlikelihood_is_content_with_a_reversed_stereotype_among_unlikely_words() -> None:
    """It is nearly 0 wherever the word is unlikely, however far apart groups are, and in whichever direction."""
    before, after = {"a": 3.0, "b": -1.0}, {"a": -12.0, "b": -6.0}
    assert unlikely(before, "ab") > 0.5 and unlikely(after, "ab") < 5e-4
    assert association(before, "ab")["a"] > 2.0
    assert association(after, "ab")["a"] < -5.0


def test_unlikelihood_does_not_care_where_else_a_word_is_needed() -> None:
    """Ordinary words: a model that has unlearnt the trait everywhere is as good as one that did so beside names."""
    beside_names = {"a": -12.0, "b": -12.0, "none": 3.0}
    everywhere = {**beside_names, "none": -12.0}
    assert unlikely(beside_names, "ab") == unlikely(everywhere, "ab")
    known = (log_probability(beside_names, "none"), -3.0)
    lost = (log_probability(everywhere, "none"), -3.0)
    assert (forgotten(trained=known, base=known), forgotten(trained=lost, base=known)) == (0.0, 1.0)


@pytest.mark.parametrize("bias", [0.0, 5.0])
def test_retention_keeps_the_base_with_all_its_bias(bias: float) -> None:
    """A base that leans towards a stereotype has the value 0; and leaving it costs, whichever way it leans."""
    base, fair = {"a": bias, "b": 0.0}, {"a": 0.0, "b": 0.0}
    term = BaseKL(1.0, TASK, "retention", lambda batch: batch)
    rows = {"weights": np.ones((2, 1), np.float32)}

    def left(model: Logits) -> float:
        return value(term, rows, (says(model, "ab"), says(base, "ab")))

    assert left(base) == 0.0
    assert (left(fair) > 0.1) is (bias > 0)
    assert (association(base, "ab")["a"] > 1.0) is (bias > 0)

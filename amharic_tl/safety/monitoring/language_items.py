"""What a language model showed of single items, by id and without text: benign sentences, written texts, nuance.

A later run pairs with it, item by item, as its erasure twin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

import numpy as np

from amharic_tl.config import Config
from amharic_tl.errors import ConfigError, MissingInputError
from amharic_tl.records.files import read_lines
from amharic_tl.safety.nuance import AnswerScores
from amharic_tl.safety.operator import SwapOperator
from amharic_tl.safety.scoring.checkpoint import AnyScorer
from amharic_tl.safety.scoring.forms import WHOLE
from amharic_tl.safety.scoring.tokens import ScoredText, tokenize
from amharic_tl.safety.twins import check_reference, signals_of

# The name of the file of predictions that holds them: of the chosen model, and of the model as training began.
WATCHED, BASE = "watched", "base"
NUANCE = "nuance"


@dataclass(frozen=True)
class Item:
    """One item's value: nats a character of a benign sentence; 1 or 0 for what a written text does.

    ``cluster``: equal for items that are not independent, such as one sentence with different groups.
    """

    what: str
    id: str
    axis: str
    group: str
    cluster: str
    value: float

    def to_dict(self) -> dict[str, Any]:
        """Its line."""
        return asdict(self)


@dataclass(frozen=True)
class BenignText:
    """A harmless sentence about a group."""

    id: str
    item: str
    axis: str
    group: str
    text: str = field(repr=False)


def benign_texts(operator: SwapOperator, most: int, seed: int) -> list[BenignText]:
    """At most ``most`` of the pack's sentences of each axis, drawn by seed, each with every group that reads in it."""
    found = []
    for axis in operator.axes:
        every = [BenignText(name, item, axis, group, text) for name, item, group, text in operator.benign_texts(axis)]
        items = sorted({one.item for one in every})
        chosen = set(Random(f"{seed}/{axis}").sample(items, min(most, len(items))))
        found += [one for one in every if one.item in chosen]
    return found


def nats_per_character(scorer: AnyScorer, tokenizer: Any, texts: Sequence[str]) -> np.ndarray:
    """Negative log-probability by character of each text, float64 ``[N]``.

    Encoders: of every token of the unmasked text (all-unmasked likelihood), summed and divided by characters.
    """
    if not texts:
        return np.zeros(0)
    scored = [ScoredText(text) for text in texts]
    values = scorer.score(scored, WHOLE[scorer.kind])
    if scorer.kind == "encoder":
        values = values * [len(of.ids) / max(of.characters, 1) for of in tokenize(tokenizer, scored)]
    return -values


def nuance_lines(scores: Mapping[str, AnswerScores]) -> list[dict[str, Any]]:
    """Lines of what :func:`nuance_of` reads."""
    return [{"what": NUANCE, "id": name, "right": of.right, "wrong": list(of.wrong)} for name, of in scores.items()]


def nuance_of(lines: Iterable[Mapping[str, Any]]) -> dict[str, AnswerScores]:
    """Scores of nuance items by id."""
    return {line["id"]: AnswerScores(line["right"], tuple(line["wrong"])) for line in lines if line["what"] == NUANCE}


@dataclass(frozen=True)
class LanguageReference:
    """What the reference run showed: values by kind and id, nuance scores, and the signals of its best step."""

    values: Mapping[tuple[str, str], float]
    nuance: Mapping[str, AnswerScores]
    signals: Sequence[Mapping[str, Any]] = ()

    def of(self, items: Sequence[Item]) -> np.ndarray:
        """Its values of the same items ``[N]``.

        Raises:
          ConfigError: it lacks one.
        """
        absent = [one.id for one in items if (one.what, one.id) not in self.values]
        if absent:
            raise ConfigError(
                f"config.safety.reference: it has no figure of {len(absent)} items, {absent[0]} among them; it needs "
                "the same config.safety.benign_texts, prompts, draws and new_tokens"
            )
        return np.asarray([self.values[one.what, one.id] for one in items])


def read_language_reference(workdir: str, config: Config, fingerprint: str, pack_fingerprint: str) -> LanguageReference:
    """Reads what ``config.safety.reference`` showed; arguments and errors as of
    :func:`~amharic_tl.safety.twins.read_reference`.
    """
    place = check_reference(workdir, config, fingerprint, pack_fingerprint)
    path = place.predictions(WATCHED)
    if not path.exists():
        raise MissingInputError(
            f"config.safety.reference: {workdir} lacks {path.name}; run it with the same config.safety.axes"
        )
    lines = read_lines(path)
    values = {(line["what"], line["id"]): line["value"] for line in lines if line["what"] != NUANCE}
    return LanguageReference(values, nuance_of(lines), signals_of(place))

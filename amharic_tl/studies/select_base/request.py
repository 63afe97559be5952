"""What is asked of a choice between bases, checked before any input is opened."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from amharic_tl.config import Config, build_config, flatten, to_dict
from amharic_tl.errors import ConfigError, name_some

RANDOM = "random:"
SCORES = ("probe", "knn", "logme", "h_score")
LABELLED = ("sequence-classification", "token-classification")
GATES = (
    *("task-fit", "tokenizer", "unknown-tokens", "tokens-per-word", "ethiopic-coverage"),
    *("length-budget", "memory", "licence", "loads"),
)
# Without the first two nothing can be computed, and a base that does not load has no features.
NEVER_WAIVED = ("task-fit", "tokenizer", "loads")
FEWEST_ROWS = 20
_UNITS = {"": 1, "B": 1, **{f"{letter}iB": 2 ** (10 * power) for power, letter in enumerate("KMGT", 1)}}
_UNITS |= {f"{letter}B": 10 ** (3 * power) for power, letter in enumerate("KMGT", 1)}


@dataclass(frozen=True)
class Request:
    """What is asked.

    Attributes:
      models: as ``config.model.path``; ``random:NAME`` is NAME's architecture and tokenizer with random weights.
      memory: bytes of each device; None: those of the devices that are here.
      rows: most rows whose features are looked at.
      words: most words, where each word has a tag.
      rank_by: the score by which bases are ranked.
      waived: gates that are measured and reject nothing.
      pretraining_text: for some models, files of what they were pretrained on.
      fine_tune: how many of the best are fine-tuned to check the scores; None: none.
      seeds: runs of each.
      rates: learning rates of which each base that is fine-tuned takes its best; none: ``optim.lr`` for all.
    """

    models: tuple[str, ...]
    memory: int | None = None
    rows: int = 1000
    words: int = 3000
    rank_by: str = "probe"
    waived: tuple[str, ...] = ()
    pretraining_text: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fine_tune: int | None = None
    seeds: int = 3
    rates: tuple[float, ...] = ()

    def settings(self) -> dict[str, Any]:
        """What the features and scores of every base depend on, beside the config and the data."""
        return {"rows": self.rows, "words": self.words}


@dataclass(frozen=True)
class Base:
    """A candidate as it was named; ``path`` is what a config calls it."""

    name: str

    @property
    def random(self) -> bool:
        """Whether its weights are drawn at random."""
        return self.name.startswith(RANDOM)

    @property
    def path(self) -> str:
        """What ``config.model.path`` calls it."""
        return self.name.removeprefix(RANDOM)


def check(config: Config, request: Request) -> None:
    """Refuses what a choice between bases does not serve.

    Raises:
      ConfigError: see above; all problems at once.
    """
    problems = []
    if not request.models:
        problems.append("no base is named; type amharic-tl select-base DIR_OR_ID DIR_OR_ID ...")
    repeated = sorted({name for name in request.models if request.models.count(name) > 1})
    if repeated:
        problems.append(f"a base is named more than once: {name_some(repeated)}")
    if config.task.kind not in LABELLED or config.task.problem != "single-label":
        problems.append(
            f"config.task: {config.task.kind} ({config.task.problem}) has no classes to tell apart; select-base serves "
            f"single-label {' and '.join(LABELLED)}"
        )
    if config.data.folds is not None:
        problems.append("config.data.folds: name the rows themselves; select-base makes its own folds")
    if config.safety.axes is not None:
        problems.append("config.safety.axes: bases are compared without safety signals; use none")
    unknown = [name for name in request.waived if name not in GATES or name in NEVER_WAIVED]
    if unknown:
        may = [name for name in GATES if name not in NEVER_WAIVED]
        problems.append(f"--waive: {name_some(unknown)} is no gate that can be waived; these can: {', '.join(may)}")
    strangers = [name for name in request.pretraining_text if name not in request.models]
    if strangers:
        problems.append(f"--pretraining-text names no base that is compared: {name_some(strangers)}")
    if request.rank_by not in SCORES:
        problems.append(f"--rank-by: expected one of {', '.join(SCORES)}, found {request.rank_by!r}")
    if request.rates and request.fine_tune is None:
        problems.append("--rates: they are for the self-check; add --fine-tune K")
    if request.rows < FEWEST_ROWS or request.words < FEWEST_ROWS:
        problems.append(f"--rows and --words: expected {FEWEST_ROWS} or more")
    if problems:
        raise ConfigError("\n  ".join(problems))


def without_test(config: Config) -> Config:
    """The config with no test split: nothing of a choice may see it."""
    return build_config({**flatten(to_dict(config)), "data.test": None})


def of_base(config: Config, base: Base) -> Config:
    """The config with ``base`` as its model."""
    return replace(
        config, model=replace(config.model, path=base.path, initialise="random" if base.random else "pretrained")
    )


def bytes_of(text: str) -> int:
    """``15GiB``, ``16GB`` or a number as bytes.

    Raises:
      ValueError: anything else.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text.strip())
    if found is None or found[2] not in _UNITS or float(found[1]) <= 0:
        raise ValueError(f"expected an amount of memory such as 15GiB or 800MiB, found {text!r}")
    return int(float(found[1]) * _UNITS[found[2]])

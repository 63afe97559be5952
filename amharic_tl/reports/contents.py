"""A workdir's files read into one object. Whatever is not there (yet) is empty: a report renders at any time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amharic_tl.errors import AmharicTLError
from amharic_tl.records.files import read_json, read_lines
from amharic_tl.records.workdir import Workdir

Lines = list[dict[str, Any]]

# By kind of classification problem: the figure a report is about, and what the lines beside the model are called, the
# one that learned something from train first.
HEADLINES = {
    "single-label": ("macro_f1", "macro-F1"),
    "multi-label": ("macro_f1", "macro-F1"),
    "regression": ("pearson", "Pearson correlation"),
    "tags": ("entity_f1", "entity F1"),
}
LINES = {
    "single-label": {"tfidf": "TF-IDF with logistic regression", "constant": "the most frequent class"},
    "multi-label": {"tfidf": "TF-IDF with logistic regressions", "constant": "the most frequent set of labels"},
    "regression": {"tfidf": "TF-IDF with ridge regression", "constant": "the mean of train"},
    "tags": {"words": "the list of train's words", "constant": "the most frequent tag"},
}
SHORT_NAMES = {"tfidf": "TF-IDF", "words": "word list"}
# In the order in which a reader wants them: the published test split first. A cross-validation has "oof" alone.
JUDGED = ("test", "oof", "validation")


@dataclass(frozen=True)
class Contents:
    """The files of a run, parsed."""

    root: Path
    config: dict[str, Any]
    plan: dict[str, Any]
    data: dict[str, Any]
    baselines: dict[str, Any]
    evaluation: dict[str, Any]
    run: dict[str, Any]
    metrics: Lines
    timing: Lines
    events: Lines
    unreadable: list[str]
    watched: dict[str, Any] = field(default_factory=dict)
    signals: Lines = field(default_factory=list)
    alerts: Lines = field(default_factory=list)
    fairness: dict[str, Any] = field(default_factory=dict)
    cross_validation: dict[str, Any] = field(default_factory=dict)
    label_shift: dict[str, Any] = field(default_factory=dict)
    layers: dict[str, Any] = field(default_factory=dict)
    domain: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """running, completed, preempted or failed; unknown where run.json says nothing."""
        return str(self.run.get("status", "unknown"))

    @property
    def task(self) -> str:
        """The task's name, or "unknown" while there is no config."""
        return str(self.config.get("task", {}).get("kind", "unknown"))

    @property
    def is_classification(self) -> bool:
        """Whether the run learned classes."""
        return self.task in ("sequence-classification", "token-classification")

    @property
    def problem(self) -> str:
        """The kind of classification problem; ``tags`` where each token has a label."""
        if self.task == "token-classification":
            return "tags"
        problem = str(self.config.get("task", {}).get("problem", "single-label"))
        return problem if problem in HEADLINES else "single-label"

    @property
    def headline(self) -> str:
        """The metric that a classifier is judged by."""
        return HEADLINES[self.problem][0]

    @property
    def headline_shown(self) -> str:
        """That metric, in words."""
        return HEADLINES[self.problem][1]

    @property
    def line_names(self) -> dict[str, str]:
        """What the two lines beside the model are."""
        return LINES[self.problem]

    @property
    def class_name(self) -> str:
        """What has a score of its own: a class, or a type of entities."""
        return "type" if self.problem == "tags" else "class"

    @property
    def unit(self) -> str:
        """What is counted by class."""
        return "entities" if self.problem == "tags" else "rows"

    @property
    def learned_line(self) -> str:
        """The key of the line that learned from train."""
        return next(iter(self.line_names))

    @property
    def short_names(self) -> dict[str, str]:
        """The lines' names as headings of tables and charts."""
        return {key: SHORT_NAMES.get(key, name.removeprefix("the ")) for key, name in self.line_names.items()}

    @property
    def splits(self) -> dict[str, dict[str, Any]]:
        """What data.json says of each split."""
        return dict(self.data.get("splits", {}))

    @property
    def final(self) -> dict[str, dict[str, Any]]:
        """The scores of a completed run by split."""
        return dict(self.run.get("final") or {})

    @property
    def provenance(self) -> dict[str, Any]:
        """Command, versions, machine."""
        return dict(self.run.get("provenance") or {})

    def curve(self, split: str, name: str) -> list[tuple[int, float]]:
        """(step, value) of one figure of metrics.jsonl, gaps left out."""
        return [
            (int(line["step"]), float(line[name]))
            for line in self.metrics
            if line.get("split") == split and line.get(name) is not None
        ]

    def metric(self, split: str, name: str) -> float | None:
        """A figure of a split as last evaluated (the best checkpoint's once the run is complete)."""
        stored = self.evaluation.get(split, {}).get("metrics", {}).get(name)
        if stored is None:
            stored = self.final.get(split, {}).get(name)
        return None if stored is None else float(stored)

    def interval(self, split: str, name: str) -> tuple[float, float] | None:
        """The 95% interval of that figure."""
        ends = self.evaluation.get(split, {}).get("intervals", {}).get(name)
        return (float(ends[0]), float(ends[1])) if ends else None

    def baseline(self, line: str, split: str, name: str) -> float | None:
        """A figure of one of the two lines."""
        value = self.baselines.get(line, {}).get(split, {}).get(name)
        return None if value is None else float(value)

    def judged_split(self) -> str | None:
        """The split whose headline counts: test once it is scored, validation before."""
        return next((split for split in JUDGED if self.metric(split, self.headline) is not None), None)


def read_contents(workdir: str | Path) -> Contents:
    """Reads a workdir; a file that cannot be parsed is left out and named in ``unreadable``."""
    place = Workdir(Path(workdir))
    unreadable: list[str] = []

    def objects(path: Path) -> dict[str, Any]:
        if not path.exists():
            return {}
        try:
            value = read_json(path)
        except AmharicTLError as error:
            unreadable.append(str(error))
            return {}
        if isinstance(value, dict):
            return value
        unreadable.append(f"{path}: expected a JSON object, found a {type(value).__name__}")
        return {}

    def lines(path: Path) -> Lines:
        try:
            return [line for line in read_lines(path) if isinstance(line, dict)]
        except AmharicTLError as error:
            unreadable.append(str(error))
            return []

    return Contents(
        root=place.root,
        config=objects(place.config),
        plan=objects(place.plan),
        data=objects(place.data),
        baselines=objects(place.baselines),
        evaluation=objects(place.evaluation),
        run=objects(place.run),
        metrics=lines(place.metrics),
        timing=lines(place.timing),
        events=lines(place.events),
        watched=objects(place.watched),
        signals=lines(place.safety),
        alerts=lines(place.alerts),
        fairness=objects(place.fairness),
        cross_validation=objects(place.cross_validation),
        label_shift=objects(place.label_shift),
        layers=objects(place.layers),
        domain=objects(place.domain),
        unreadable=unreadable,
    )

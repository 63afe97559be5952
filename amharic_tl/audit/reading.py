"""From what a user names (a config's data, or files) to what is audited; rows that cannot be read are named."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from amharic_tl.audit.adaptation import leave_out
from amharic_tl.audit.material import Material, Part, Problem
from amharic_tl.config import Config
from amharic_tl.culture.pack import open_pack
from amharic_tl.data.adaptation import domain_splits
from amharic_tl.data.conll import ENDINGS
from amharic_tl.data.delimited import lines_of
from amharic_tl.data.folds import load_fold
from amharic_tl.data.parallel_text import BETWEEN
from amharic_tl.data.readers import read_text
from amharic_tl.data.rows import Columns, Source
from amharic_tl.data.sources import read_source
from amharic_tl.data.splits import Splits, columns_of, labels_of
from amharic_tl.data.tags import is_tag
from amharic_tl.errors import AmharicTLError, BadInputError, ConfigError

SPLITS = ("train", "validation", "test")
_SNIFFED_LINES = 500


def read_material(
    config: Config,
    files: Sequence[str] = (),
    against: Sequence[str] = (),
    by: Sequence[str] = (),
    given: Collection[str] = (),
    show_words: bool = False,
) -> Material:
    """Reads what is to be audited.

    Args:
      config: says columns and formats, and where no ``files`` are named the splits.
      files: what is audited in the place of ``config.data``'s splits, each a part of its own.
      against: other data, in which rows of the parts are looked for.
      by: further columns that say where a row comes from (a newspaper, an author).
      given: the leaves that the user set; of files alone, the rest is found out.
      show_words: whether words of the texts may be shown.

    Raises:
      ConfigError: neither splits nor files are named, or both.
      MissingInputError, BadInputError: an input is absent or cannot be read at all.
    """
    named = {split: getattr(config.data, split) for split in SPLITS}
    specs: dict[str, Any] = {split: spec for split, spec in named.items() if spec is not None}
    if files and specs:
        raise ConfigError(f"name files, or config.data.{next(iter(specs))}, not both")
    if not files and config.data.train is None:
        raise ConfigError("nothing to audit: name files, or --config.data.train=train.csv")
    if not files and config.data.folds is not None:
        return _fold(config, against, by, show_words)
    notes: list[str] = []
    problem = _asked_problem(config)
    if files:
        specs = _by_name(files)
        problem = _found_problem(config, files[0], problem, given, notes)
    columns = columns_for(config, problem)
    parts = [_read(name, spec, config, columns, by, problem) for name, spec in specs.items()]
    notes += [f"{part.source.spec} has no rows: it is left out" for part in parts if not part.rows]
    parts = [part for part in parts if part.rows]
    if not parts:
        raise BadInputError("there is no row to audit: " + ", ".join(map(str, specs.values())))
    labelled = problem in ("single-label", "multi-label", "tags")
    found = Material(
        config,
        problem,
        parts,
        against=[_read_other(spec, config) for spec in against],
        notes=notes,
        by=tuple(by),
        show_words=show_words,
        adaptation=_read_adaptation(config, parts),
    )
    found.labels = labels_of(found.reference.source, columns) if labelled else []
    return found


def material_of_splits(config: Config, splits: Splits, adaptation: Splits | None = None) -> Material:
    """What a run has read already, to be audited; ``adaptation``: the text of its domain stage."""
    parts = [Part(name, source) for name, source in splits.items()]
    return Material(config, _asked_problem(config), parts, splits.labels, adaptation=adaptation_part(adaptation))


def adaptation_part(splits: Splits | None) -> Part | None:
    """All text of the domain stage, what is set aside of it too."""
    if splits is None:
        return None
    rows = [row for _, source in splits.items() for row in source.rows]
    return Part("the text of config.adapt.dapt.data", replace(splits.train, rows=rows))


def _read_adaptation(config: Config, parts: Sequence[Part]) -> Part | None:
    """The text of the domain stage as a run with this config would use it."""
    if config.adapt.dapt.data is None:
        return None
    splits = domain_splits(config)
    if config.adapt.leave_out_test:
        scored = [row for part in parts if part.name != "train" for row in part.rows]
        splits = leave_out(splits, scored, open_pack(config.safety.pack).grammar.fold)
    return adaptation_part(splits)


def _fold(config: Config, against: Sequence[str], by: Sequence[str], show_words: bool) -> Material:
    """The splits of a fold, which are those that its run trains on and is scored by."""
    if by:
        raise ConfigError(
            "--by: a fold is audited without further columns; name the files in place of config.data.folds"
        )
    problem = _asked_problem(config)
    splits = load_fold(config.data, labelled=problem not in ("pairs", "none"), seed=config.train.seed, problem=problem)
    found = material_of_splits(config, splits)
    found.against = [_read_other(spec, config) for spec in against]
    found.notes, found.show_words = list(splits.notes), show_words
    found.adaptation = _read_adaptation(config, found.parts)
    return found


def _asked_problem(config: Config) -> Problem:
    """The kind of rows that ``config.task`` is about."""
    if config.task.kind == "sequence-classification":
        return config.task.problem
    if config.task.kind == "token-classification":
        return "tags"
    return "pairs" if config.task.kind == "seq2seq-lm" and config.task.objective == "text-to-text" else "none"


def _found_problem(config: Config, first: str, problem: Problem, given: Collection[str], notes: list[str]) -> Problem:
    """The kind of rows that files hold, where the user left it open."""
    if "task.kind" in given or "task.problem" in given:
        return problem
    if BETWEEN in first or {"data.source", "data.target"} & set(given):
        return "pairs"
    if is_conll(first):
        return "tags"
    if "data.label" in given:
        return problem
    try:
        read_source(first, columns_for(config, problem), config.data.format, config.data.quoting, unusable=[])
    except AmharicTLError:
        notes.append(f"{first} has no column {config.data.label!r}: audited as texts without labels")
        return "none"
    return problem


def columns_for(config: Config, problem: Problem) -> Columns:
    """The columns that are read of a kind of rows."""
    if problem in ("pairs", "none"):
        return columns_of(config.data, False, paired=problem == "pairs")
    return columns_of(config.data, True, problem)


def is_conll(spec: str) -> bool:
    """Whether a file's lines are tokens with a tag behind each."""
    path = Path(spec)
    if path.suffix not in ENDINGS or not path.is_file():
        return False
    lines = [line for line in list(lines_of(read_text(path)))[:_SNIFFED_LINES] if line.strip()]
    fields = [line.split("\t") if "\t" in line else line.split(" ") for line in lines if not line.startswith("#")]
    return bool(fields) and all(len(one) > 1 and is_tag(one[-1].strip()) for one in fields)


def _by_name(files: Sequence[str]) -> dict[str, str]:
    """Each file under the name of its stem (of pairs: that of the target), or as it was typed where stems clash."""
    last = [spec.rpartition(BETWEEN)[2] for spec in files]
    stems = [Path(spec).name.removesuffix(".gz").rsplit(".", 1)[0] if Path(spec).is_file() else spec for spec in last]
    return {stem if stems.count(stem) == 1 else spec: spec for stem, spec in zip(stems, files, strict=True)}


def _read(name: str, spec: Any, config: Config, columns: Columns, by: Sequence[str], problem: Problem) -> Part:
    unusable: list[str] = []
    source = _source(spec, config, columns, unusable)
    if by and problem in ("tags", "pairs"):
        raise ConfigError(f"--by: {problem} have no further columns that could be read")
    values = {
        column: {
            (row.file, row.line): row.label or ""
            for row in _source(spec, config, Columns(columns.text, column, columns.header), []).rows
        }
        for column in by
    }
    return Part(name, source, tuple(unusable), values)


def _source(spec: Any, config: Config, columns: Columns, unusable: list[str]) -> Source:
    return read_source(spec, columns, config.data.format, config.data.quoting, may_be_empty=True, unusable=unusable)


def _read_other(spec: str, config: Config) -> Part:
    """Data that the parts are compared with: their texts, whatever else they hold."""
    if is_conll(spec):
        columns = Columns("tokens", "tags", label_kind="tags")
    elif BETWEEN in spec:
        columns = Columns(config.data.source, None, target=config.data.target)
    else:
        columns = Columns(config.data.text, None, config.data.columns)
    unusable: list[str] = []
    source = read_source(spec, columns, may_be_empty=True, unusable=unusable)
    return Part(Path(spec).name if Path(spec).exists() else spec, source, tuple(unusable))

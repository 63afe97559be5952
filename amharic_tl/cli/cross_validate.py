"""``amharic-tl cross-validate``: every row predicted by a model that has not seen it. The same command resumes it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from amharic_tl.cli.arguments import UsageError, load_config, parse, require
from amharic_tl.training.interruption import Interruption

OPTIONS = ("config", "workdir", "folds", "group-by", "repeats", "choose", "jobs")
WORDS = ()

HELP = """usage: amharic-tl cross-validate --config FILE_OR_PRESET [--config.a.b=value ...] --folds K
         [--group-by WHAT] [--repeats R] [--choose LEAF=A,B;LEAF=C,D] [-j N] --workdir DIR

Pools the rows of data.train, data.validation and data.test, divides them into K stratified folds that no near-duplicate
straddles, trains a run for each and brings its predictions together. Leave data.test out to keep it for the end.

  --group-by near-duplicates   the default
  --group-by COLUMN            rows with the same value stay together too
  --group-by article           the same, by the first of article, document, url and the like
  --group-by source            the same, by a column such as source or newspaper, otherwise by the file of a row
  --group-by group:AXIS        a fold for each cultural group of the axis: no row that names it trains
                               (--folds K: only the K that most rows name)
  --repeats R                  as often with other seeds
  --choose optim.lr=1e-4,3e-4  the value is chosen in each fold, on an inner split of the rows it trains on
  -j N                         N folds at once, each a process of its own

DIR is new, or a cross-validation of the same config and folds, which is then resumed. Settings of --config are those of
amharic-tl train (amharic-tl train --help).
"""


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    # -j 4, -j4 and -j=4 are --jobs=4.
    words = [re.sub(r"^-j=?(?=\d)", "--jobs=", word) if word != "-j" else "--jobs" for word in arguments]
    parsed = parse(words, options=OPTIONS)
    if parsed.help:
        print(HELP)
        return 0
    require(parsed.options, "config", "classify")
    workdir = Path(require(parsed.options, "workdir", "runs/cross-validation"))
    config = load_config(parsed.options["config"], parsed.overrides)

    from amharic_tl.studies.cross_validation.request import Request

    request = Request(
        folds=_whole(parsed.options.get("folds"), "folds"),
        repeats=_whole(parsed.options.get("repeats"), "repeats") or 1,
        group_by=parsed.options.get("group-by", "near-duplicates"),
        choose=_grid(parsed.options.get("choose")),
        jobs=_whole(parsed.options.get("jobs"), "jobs") or 1,
    )
    with Interruption().listening() as interruption:
        from amharic_tl.studies.cross_validation.study import cross_validate

        cross_validate(config, workdir, request, interruption)
    return 0


def _whole(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or int(text) == 0:
        raise UsageError(f"--{name}: expected a whole number above 0, found {text!r}")
    return int(text)


def _grid(text: str | None) -> dict[str, tuple[str, ...]]:
    """``optim.lr=1e-4,3e-4;transfer.layer_decay=0.9,1`` as leaves with their values."""
    grid: dict[str, tuple[str, ...]] = {}
    for part in (text or "").split(";"):
        if not part.strip():
            continue
        leaf, equals, values = part.strip().partition("=")
        if not equals:
            raise UsageError(f"--choose: expected LEAF=A,B, found {part.strip()!r}")
        grid[leaf.removeprefix("config.")] = tuple(value.strip() for value in values.split(",") if value.strip())
    return grid

"""From a config and a request to folds: reading the pool, and the folds file that is made once and used again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from amharic_tl.config import Config
from amharic_tl.data.folds import (
    Fold,
    Folds,
    Pool,
    pool_fingerprint,
    read_folds,
    read_pool,
    refuse_other_rows,
)
from amharic_tl.data.rows import Row
from amharic_tl.data.sources import pinned
from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.studies.cross_validation.items import make_items
from amharic_tl.studies.cross_validation.making import Plan, by_cluster, by_group
from amharic_tl.studies.cross_validation.request import NEAR_DUPLICATES, Request

# Columns that usually say which article a text is from, and which source; where there is none of the latter, the file
# that a row stands in is its source.
COLUMNS = {
    "article": ("article", "article_id", "document", "document_id", "doc_id", "url", "link"),
    "source": ("source", "newspaper", "publisher", "website", "domain"),
}


def problem_of(config: Config) -> str:
    """The kind of problem, ``tags`` where each token has a label."""
    return "tags" if config.task.kind == "token-classification" else config.task.problem


def read_rows(config: Config, request: Request, path: Path) -> Pool:
    """The pool, each row with what it belongs to as ``group`` where a column says so.

    Where the folds file ``path`` is there already, hub data is read at the commit that the folds were made from.

    Raises:
      MissingInputError, BadInputError: as :func:`~amharic_tl.data.folds.read_pool`; no column of that name.
    """
    problem, by = problem_of(config), request.group_by
    data = pinned(config.data, read_folds(path).read_from) if path.exists() else config.data
    if request.axis is not None or by == NEAR_DUPLICATES:
        return read_pool(data, problem)
    names = COLUMNS.get(by, (by,))
    refused = None
    for name in names:
        try:
            return read_pool(data, problem, group=name)
        except BadInputError as error:
            refused = refused or error
            if len(names) == 1:
                raise BadInputError(f"--group-by {by}: {error}") from None
            if f"column {name!r}" in str(error) and "there is no" not in str(error):
                raise
    pool = read_pool(data, problem)  # a pool that cannot be read at all says why
    if by == "source":
        return replace(pool, rows=[replace(row, group=row.file) for row in pool.rows])
    raise BadInputError(
        f"--group-by {by}: the data has none of the columns {', '.join(names)}; name one, such as --group-by=page"
    )


def make_folds(config: Config, request: Request, pool: Pool) -> Folds:
    """Divides a pool. Nothing is written.

    Raises:
      BadInputError: rows that cannot be divided as asked, see :mod:`~amharic_tl.studies.cross_validation.making`.
    """
    names = _names(config, request.axis) if request.axis is not None else (lambda row: ())
    items = make_items(pool, problem_of(config), lambda row: row.group, names)
    plan = Plan(request.folds, request.repeats, config.train.seed, request.group_by)
    folds: list[Fold]
    folds, notes = (by_cluster if request.axis is None else by_group)(items, plan)
    clusters = {item.id: item.cluster for item in items}
    settings = request.settings(config.train.seed)
    fingerprint, rows = pool_fingerprint(pool.rows), len(pool.rows)
    return Folds(settings, fingerprint, rows, tuple(folds), clusters, tuple(notes), pool.read_from)


def _names(config: Config, axis: str) -> Callable[[Row], Sequence[str]]:
    """The groups of an axis whose persons or people a row names, as the safety signals count them."""
    from amharic_tl.culture.mentions import Matcher
    from amharic_tl.culture.pack import open_pack

    matcher = Matcher(open_pack(config.safety.pack), [axis])
    return lambda row: sorted({mention.group for mention in matcher.find(row.text) if mention.human})


def folds_of(config: Config, request: Request, pool: Pool, path: Path) -> Folds:
    """The folds in the file ``path``, or new ones. Nothing is written.

    Raises:
      ConfigError: the file was made from other rows, or by other settings.
      BadInputError: it is no folds file; rows that cannot be divided as asked.
    """
    if not path.exists():
        return make_folds(config, request, pool)
    folds = read_folds(path)
    refuse_other_rows(path, folds, pool.rows)
    asked = request.settings(config.train.seed)
    different = [
        f"{name} is {folds.settings.get(name)!r} there, {value!r} here"
        for name, value in asked.items()
        if folds.settings.get(name) != value
    ]
    if different:
        raise ConfigError(
            f"{path} was made by other settings ({'; '.join(different)}); nothing was changed. Take them back, or name "
            "a new directory"
        )
    known = {row.id for row in pool.rows}
    strangers = [name for fold in folds.folds for name in (*fold.test, *fold.validation) if name not in known]
    if strangers:
        raise BadInputError(f"{path} names rows that the data does not have: {len(strangers)} ids")
    return folds

"""Which training rows carry a bias figure: what the terminal and the report print; ids and figures, never a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from amharic_tl.errors import AmharicTLError
from amharic_tl.records.files import read_object
from amharic_tl.reports.contents import Contents

SHOWN = 20


def figures(run: Contents) -> list[dict[str, Any]] | None:
    """What each attribution of the workdir found, None without any."""
    found = []
    for path in sorted((run.root / "attribution").glob("*/attribution.json")):
        try:
            stored = read_object(path)
        except AmharicTLError as error:
            run.unreadable.append(str(error))
            continue
        found.append({**stored, "top": stored["top"][:SHOWN], "sentences": rival_sentences(stored)})
    return found or None


def table(about: Mapping[str, Any], shown: int = SHOWN) -> str:
    """The sources, the first rows and the rival searches, as text."""
    lines = [
        f"{about['figure']}: rows that raised it (scores rank, they have no unit)",
        *_aligned(
            [("rank", "row", "score", "95% interval", "label", "names group", "nearest rank")]
            + [
                (
                    str(row["rank"]),
                    row["id"],
                    f"{row['score']:.3g}",
                    f"{row['ci_low']:.3g} to {row['ci_high']:.3g}",
                    str(row["label"]),
                    "yes" if row["names_group"] else "no",
                    str(row["nearest_rank"]),
                )
                for row in about["top"][:shown]
            ]
        ),
        "",
        *_aligned(
            [(f"source ({about['source']})", "rows", "sum", "95% interval", "mean", "first in draws")]
            + [
                (
                    line["source"],
                    f"{line['rows']:,}",
                    f"{line['sum']:.3g}",
                    f"{line['ci_low']:.3g} to {line['ci_high']:.3g}",
                    f"{line['mean']:.3g}",
                    f"{line['first_by_sum']:.0%}",
                )
                for line in about["sources"]
            ]
        ),
        "",
        *rival_sentences(about),
    ]
    return "\n".join(lines)


def rival_sentences(about: Mapping[str, Any]) -> list[str]:
    """How stable the first rows are, and how far simpler searches find the same ones."""
    stable, rivals = about["stability"], about["rivals"]
    shared = rivals["overlap_with_gradients"]
    return [
        f"Of the first {stable['k']} rows {stable['mean']:.0%} stay where the figure's items are drawn again (2.5% "
        f"quantile {stable['low']:.0%}).",
        f"{rivals['rows_with_keyword_and_label']:,} rows name the group and have a harmful label; so have "
        f"{rivals['keyword_and_label']['gradients']:.0%} of the first {rivals['k']}. A search for these shares "
        f"{shared['keyword']:.0%} of the first {rivals['k']}, nearest neighbours {shared['nearest']:.0%}.",
    ]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]

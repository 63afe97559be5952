"""Whether most of a part that is to be scored stands in what is trained on: by the same text alone, so that every run
can afford to ask before it trains. Nobody publishes a score on ``validation``; who overfits it on purpose may.
"""

from __future__ import annotations

from amharic_tl.audit.checked import Checked, rate
from amharic_tl.audit.material import Material
from amharic_tl.data.audit import text_key
from amharic_tl.records.findings import finding

FINDINGS = ("test-inside-train",)
UNSCORED = "validation"
INSIDE = 0.5  # share from which scores measure memory


def check(material: Material) -> Checked:
    """The share of each scored part's rows whose text (or side of a pair) the reference part has too."""
    figures = {}
    found = []
    reference = material.reference
    for view in material.views:
        known = {text_key(view.text(row)) for row in reference.rows}
        for part in (one for one in material.others if one.name != UNSCORED):
            inside = [row.id for row in part.rows if text_key(view.text(row)) in known]
            figures[view.where(part.name)] = rate(len(inside), len(part.rows))
            share = len(inside) / len(part.rows)
            if share >= INSIDE:
                found.append(
                    finding(
                        "test-inside-train",
                        "error",
                        view.where(part.name),
                        f"{len(inside)} of the {len(part.rows)} rows of {view.where(part.name)} ({share:.1%}) stand in "
                        f"{reference.name} too: scores on them measure memory",
                        share,
                        INSIDE,
                        inside,
                        "Do not score on this part: take other data, or take these rows out of training.",
                    )
                )
    return Checked(figures, found)

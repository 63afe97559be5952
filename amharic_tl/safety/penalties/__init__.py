"""Penalties: pure functions inside the jitted step, equal on one device and on many.

Each has a file of its own with its term and ``build``, which makes the term and the batches that it needs from a run;
one leaf ``config.safety.penalties.<name>.weight``; and a line in :data:`PENALTIES`. One whose weight is 0 and stays so
is not built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from amharic_tl.safety.penalties import (
    demographic_parity,
    equalised_odds,
    group_dro,
    js_pairing,
    logit_pairing,
    mindiff,
    retention,
    unlikelihood,
)
from amharic_tl.safety.penalties.given import Given, Penalty
from amharic_tl.safety.penalties.js_pairing import JSPairing
from amharic_tl.safety.penalties.logit_pairing import LogitPairing
from amharic_tl.safety.penalties.unlikelihood import Unlikelihood

__all__ = ["PENALTIES", "Given", "JSPairing", "LogitPairing", "Penalty", "Unlikelihood", "penalties"]

# By the name of its section in config.safety.penalties.
PENALTIES: Mapping[str, Callable[[Given], Penalty]] = {
    "logit_pairing": logit_pairing.build,
    "mindiff": mindiff.build,
    "demographic_parity": demographic_parity.build,
    "equalised_odds": equalised_odds.build,
    "group_dro": group_dro.build,
    "js_pairing": js_pairing.build,
    "unlikelihood": unlikelihood.build,
    "retention": retention.build,
}


def penalties(given: Given) -> dict[str, Penalty]:
    """Those whose weight is above 0 or moves while training, by name.

    Raises:
      AmharicTLError: a penalty does not fit the run, or finds nothing to work on.
    """
    pushing = given.config.safety.pushing()
    return {name: build(given) for name, build in PENALTIES.items() if name in pushing}

"""When a safety signal counts as established, what follows, and who is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from amharic_tl.config.leaf import leaf

ACTIONS = ("log", "bundle", "rollback", "stop")
TOLD = ("suspected", "confirmed", "resolved", "error")


@dataclass(frozen=True)
class EvidenceConfig:
    """How looks at one model after another add up to evidence."""

    method: Literal["looks", "against-start", "e-process"] = leaf(
        "looks",
        "looks: each look against its own null; against-start: swaps against step 0 on the same items; e-process: "
        "swaps by betting, on items that no look has seen before.",
    )
    spending: Literal["equal", "pocock", "obrien-fleming"] = leaf(
        "equal", "How safety.level is shared over the planned looks (Lan & DeMets 1983); an e-process needs no sharing."
    )
    run_length: float = leaf(
        1000.0, "Looks between two false 'it moved' of the e-process's CUSUM, on average.", minimum=10.0, maximum=1e6
    )


@dataclass(frozen=True)
class ActionsConfig:
    """What follows a change of state: log, bundle, rollback, stop."""

    suspected: tuple[str, ...] = leaf(("log",), "When a signal becomes suspected: log, bundle.")
    confirmed: tuple[str, ...] = leaf(
        ("log", "bundle"), "When one is confirmed: log, bundle, rollback, stop; the last two after safety.autonomous."
    )
    error: tuple[str, ...] = leaf(("log",), "When one could not be measured: log, bundle, stop.")
    signals: tuple[str, ...] | None = leaf(
        None, "Names of signals that rollback and stop are for (counterfactual_flip_rate); none: all."
    )
    rollbacks: int = leaf(2, "How often a run may go back for safety's sake.", minimum=0, maximum=20)


@dataclass(frozen=True)
class ChannelsConfig:
    """Who is told of a change of state, beside alerts.jsonl."""

    file: str | None = leaf(None, "A file to which the messages are appended, such as one that a pager reads.")
    webhook: str | None = leaf(
        None, "Where the address of a webhook stands: env:NAME or file:PATH; never the address itself. Extra: alerts."
    )
    states: tuple[str, ...] = leaf(("confirmed", "error"), "States that file and webhook are told of.")
    allow_private: bool = leaf(False, "Whether a webhook may be in a private network, on this machine, or without TLS.")
    timeout: float = leaf(5.0, "Seconds that a webhook has to answer.", above=0.0, maximum=60.0)

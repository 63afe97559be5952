"""What a method of transfer is: from the model's anatomy and the config to ordered rules and stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from amharic_tl.config import TransferConfig
from amharic_tl.config.moments import START, Moment
from amharic_tl.transfer.anatomy import Anatomy
from amharic_tl.transfer.rules import Rule


@dataclass(frozen=True)
class Request:
    """What a method decides from.

    Attributes:
      anatomy: the model's parts.
      transfer: the leaves of the config.
      measured: figures of the model's parts that a method asked for, by part; empty where it asked for none.
      saved_whole: modules beside the adapters that train, by canonical name; of a model without adapters, none.
    """

    anatomy: Anatomy
    transfer: TransferConfig
    measured: Mapping[str, float] = field(default_factory=dict)
    saved_whole: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """What a method decides.

    Attributes:
      rules: ordered; the first that matches a name holds. ``Rule.stage`` points into ``begins``.
      reason: one sentence that says what trains.
      begins: when each stage begins, the first at the start; None: when the loss on validation stalls.
      features_first: whether the first stage trains on what the body gives without dropout, which does not change.
      warnings: sentences for the user.
    """

    rules: list[Rule]
    reason: str
    begins: tuple[Moment | None, ...] = (START,)
    features_first: bool = False
    warnings: tuple[str, ...] = ()


Method = Callable[[Request], Recipe]

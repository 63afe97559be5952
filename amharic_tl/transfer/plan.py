"""Which parameters train, from when, at what rate and decay: the rules of a method, resolved for one model.

A thaw is a stage: what has begun to train goes on, and more joins it. A :class:`TrainablePlan` is that of one stage;
:meth:`TrainablePlan.at` gives another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from flax import nnx

from amharic_tl.config import TransferConfig
from amharic_tl.errors import ConfigError, name_some
from amharic_tl.models.adapters.adapt import saved_whole
from amharic_tl.models.naming import ParameterView, named_parameters, names_held
from amharic_tl.models.stack import Stack
from amharic_tl.transfer.anatomy import EMBEDDING, Anatomy
from amharic_tl.transfer.methods import METHODS
from amharic_tl.transfer.methods.recipe import Recipe, Request
from amharic_tl.transfer.rules import Rule, match_rules


@dataclass(frozen=True)
class Clock:
    """How long a run is, which moments are counted in."""

    total: int
    steps_per_epoch: int


@dataclass(frozen=True)
class Stage:
    """A part of a run in which the same parameters train.

    Attributes:
      number: counted from 0.
      begins: the step before which it begins; None: when the loss on validation stalls.
      rules: of what it thaws.
    """

    number: int
    begins: int | None
    rules: tuple[str, ...]


@dataclass(frozen=True)
class PlanRow:
    """What the plan says of one parameter. ``layer`` is the block's place in the tower of blocks (a decoder's stand on
    its encoder's), None outside the blocks; ``stage`` the first in which it trains, None for never.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    parameters: int
    trainable: bool
    learning_rate_multiplier: float
    weight_decay: float
    layer: int | None
    rule: str
    stage: int | None = 0


class TrainablePlan:
    """The resolved plan of one model in one stage: a row for every parameter, and the trees that step and optimiser
    need.
    """

    def __init__(
        self,
        rows: Sequence[PlanRow],
        method: str,
        reason: str,
        *,
        stages: Sequence[Stage] = (Stage(0, 0, ()),),
        stage: int | None = None,
        features_first: bool = False,
        warnings: Sequence[str] = (),
        measured: Mapping[str, float] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """``rows`` are those of the last stage; ``stage`` is the one meant, None for the last."""
        self.stages = tuple(stages)
        self.stage = len(self.stages) - 1 if stage is None else stage
        self._whole = tuple(rows)
        self.rows = {row.name: _in_stage(row, self.stage) for row in rows}
        self.method, self.reason = method, reason
        self.features_first, self.warnings, self.measured = features_first, tuple(warnings), dict(measured or {})
        self.clock = clock

    def at(self, stage: int) -> TrainablePlan:
        """The plan of another stage."""
        return TrainablePlan(
            self._whole,
            self.method,
            self.reason,
            stages=self.stages,
            stage=stage,
            features_first=self.features_first,
            warnings=self.warnings,
            measured=self.measured,
            clock=self.clock,
        )

    @property
    def on_features(self) -> bool:
        """Whether this stage trains on what the body gives without dropout, which does not change."""
        return self.features_first and self.stage == 0

    def is_trainable(self, path: Sequence[Any], variable: Any) -> bool:
        """A filter for ``nnx.split``. The model's stacks must have been regrouped (:meth:`regroup`)."""
        del path
        return isinstance(variable, nnx.Param) and self.rows[names_held(variable)[0]].trainable

    def regroup(self, model: nnx.Module) -> None:
        """Cuts the stacks of ``model`` in place so that each run of layers trains since one stage or not, leaf by leaf.

        A run that has begun to train is not cut again in a later stage, so that its moments keep their shape.
        """
        for _, module in nnx.iter_modules(model):
            if not isinstance(module, Stack):
                continue
            signature: dict[int, list[tuple[str, int]]] = {}
            for view in named_parameters(module).values():
                assert view.layer is not None
                signature.setdefault(view.layer, []).append((view.template, self._thawed_in(view.name)))
            module.regroup([tuple(sorted(signature[layer])) for layer in sorted(signature)])

    def _thawed_in(self, name: str) -> int:
        """The stage in which a parameter that trains now began to; -1 where it does not train."""
        row = self.rows[name]
        return row.stage if row.trainable and row.stage is not None else -1

    def learning_rate_multipliers(self, state: nnx.State) -> Any:
        """A tree like ``state`` of multipliers, broadcastable to each leaf (per layer for stacked leaves)."""
        return self._values(state, "learning_rate_multiplier")

    def weight_decays(self, state: nnx.State) -> Any:
        """A tree like ``state`` of weight decays, broadcastable to each leaf."""
        return self._values(state, "weight_decay")

    def generations(self, state: nnx.State) -> Any:
        """A tree like ``state`` of labels: the stage, as text, in which each leaf began to train."""
        return _map(state, lambda variable: str(self._thawed_in(names_held(variable)[0])))

    def _values(self, state: nnx.State, field: str) -> Any:
        import numpy as np

        def value(variable: nnx.Variable[Any]) -> Any:
            values = [getattr(self.rows[name], field) for name in names_held(variable)]
            if len(set(values)) == 1:
                return np.float32(values[0])
            return np.asarray(values, np.float32).reshape((-1,) + (1,) * (variable.get_value().ndim - 1))

        return _map(state, value)

    @property
    def totals(self) -> dict[str, int]:
        """Counts of parameters: all, trainable, frozen."""
        trainable = sum(row.parameters for row in self.rows.values() if row.trainable)
        everything = sum(row.parameters for row in self.rows.values())
        return {"parameters": everything, "trainable": trainable, "frozen": everything - trainable}

    def to_dict(self) -> dict[str, Any]:
        """What plan.json holds: the rows of the last stage, and the stages."""
        whole = self.at(len(self.stages) - 1)
        described: dict[str, Any] = {
            "method": self.method,
            "reason": self.reason,
            "rows": [asdict(row) for row in whole.rows.values()],
            "totals": whole.totals,
            "stages": [{**asdict(stage), "totals": self.at(stage.number).totals} for stage in self.stages],
        }
        if self.clock is not None:
            described["clock"] = asdict(self.clock)
        if self.warnings:
            described["warnings"] = list(self.warnings)
        if self.measured:
            described["measured"] = self.measured
        return described


def make_plan(
    model: nnx.Module,
    transfer: TransferConfig,
    weight_decay: float,
    clock: Clock | None = None,
    measured: Mapping[str, float] | None = None,
) -> TrainablePlan:
    """Resolves ``transfer`` into a plan for ``model``: that of its last stage.

    Args:
      model: any model of this package.
      transfer: method, number of layers, layer decay.
      weight_decay: of matrices; vectors (biases, norms) have none.
      clock: the run's length; None will do where nothing thaws by the clock.
      measured: what the method asked for, by part of the model.

    Raises:
      ConfigError: what is asked for does not fit the model, or a stage would begin after the run's end.
    """
    anatomy = Anatomy(named_parameters(model))
    recipe = METHODS[transfer.method](Request(anatomy, transfer, measured or {}, saved_whole(model)))
    rules, stages = _stages(recipe, clock)
    matched = match_rules(list(anatomy.views), rules)
    rows = [
        _row(view, matched[name], transfer.layer_decay, anatomy.depth, weight_decay)
        for name, view in anatomy.views.items()
    ]
    reason = recipe.reason
    if transfer.layer_decay != 1.0 and any(row.trainable and row.layer is not None for row in rows):
        decay = f"{transfer.layer_decay:g} x that of the block above (transfer.layer_decay)"
        reason = f"{reason}; each block's rate is {decay}"
    return TrainablePlan(
        rows,
        transfer.method,
        reason,
        stages=stages,
        features_first=recipe.features_first,
        warnings=[*recipe.warnings, *_late(stages, clock)],
        measured=measured,
        clock=clock,
    )


def _late(stages: Sequence[Stage], clock: Clock | None) -> list[str]:
    """That little is left for what thaws last: by then a schedule that decays has taken most of the rate."""
    last = stages[-1].begins
    if clock is None or last is None or 2 * last <= clock.total:
        return []
    return [
        f"the last stage begins at step {last:,} of {clock.total:,}: what thaws then trains for the rest alone, at "
        "what the schedule has left of the rate"
    ]


def _stages(recipe: Recipe, clock: Clock | None) -> tuple[list[Rule], list[Stage]]:
    """The rules and the stages in the order in which these begin; stages of one step are one.

    Raises:
      ConfigError: a stage would begin after the run's end.
      ValueError: moments without a clock.
    """
    if len(recipe.begins) == 1:
        starts: list[int | None] = [0]
    elif clock is None:
        raise ValueError(f"the stages of {recipe.reason!r} need the run's length")
    else:
        starts = [
            None if moment is None else moment.step(clock.total, clock.steps_per_epoch) for moment in recipe.begins
        ]
        late = [
            f"{', '.join(dict.fromkeys(rule.name for rule in recipe.rules if rule.stage == number))} at step {start}"
            for number, start in enumerate(starts)
            if start is not None and start >= clock.total
        ]
        if late:
            raise ConfigError(
                f"config.transfer: the run has {clock.total} steps ({clock.steps_per_epoch} an epoch), too few "
                f"for what is to thaw: {name_some(late)}; train longer, or let the stages follow sooner"
            )
    # Stages that the dev loss begins follow each other; those of the clock may be given in any order.
    order = sorted(range(len(starts)), key=lambda number: (starts[number] is None, starts[number] or 0, number))
    stages: list[Stage] = []
    place: dict[int, int] = {}
    for number in order:
        names = tuple(dict.fromkeys(rule.name for rule in recipe.rules if rule.trainable and rule.stage == number))
        same = stages and starts[number] is not None and stages[-1].begins == starts[number]
        if same:
            stages[-1] = replace(stages[-1], rules=(*stages[-1].rules, *names))
        else:
            stages.append(Stage(len(stages), starts[number], names))
        place[number] = len(stages) - 1
    return [replace(rule, stage=place[rule.stage]) for rule in recipe.rules], stages


def _row(view: ParameterView, rule: Rule, layer_decay: float, depth: int, weight_decay: float) -> PlanRow:
    # Top block 1, each block below x decay, embeddings one step below the lowest block; head and pooler 1
    # (Sun et al. 2019, section 5.3.4, written from the top).
    if view.layer is not None:
        below = depth - 1 - view.layer
    else:
        below = depth if re.fullmatch(EMBEDDING, view.name) else 0
    decay = rule.decay if rule.decay is not None else weight_decay if len(view.shape) > 1 else 0.0
    return PlanRow(
        name=view.name,
        shape=tuple(view.shape),
        dtype=str(view.dtype),
        parameters=int(view.size),
        trainable=rule.trainable,
        learning_rate_multiplier=rule.rate * layer_decay**below if rule.trainable else 0.0,
        weight_decay=decay if rule.trainable else 0.0,
        layer=view.layer,
        rule=rule.name,
        stage=rule.stage if rule.trainable else None,
    )


def _in_stage(row: PlanRow, stage: int) -> PlanRow:
    if row.stage is None or row.stage <= stage:
        return row
    return replace(row, trainable=False, learning_rate_multiplier=0.0, weight_decay=0.0)


def _map(state: nnx.State, value: Any) -> Any:
    """A tree like ``state`` in which each variable holds ``value(variable)``."""
    import jax

    return jax.tree.map(
        lambda variable: variable.replace(value(variable)), state, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable)
    )

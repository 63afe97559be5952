"""What penalties on groups see of an update: the groups that its rows name, their labels and their scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from amharic_tl.culture.mentions import Mention
from amharic_tl.data.batches import BatchPlan, HostBatch, PlannedBatches
from amharic_tl.data.rows import Row
from amharic_tl.errors import BadInputError
from amharic_tl.safety.operator import SwapOperator
from amharic_tl.safety.penalties.group_sides import Labels, sides
from amharic_tl.tasks.terms import Need, Part

# Updates that are looked at for how often a group is there: the first of the run.
LOOKED_AT = 1000
# A group that fewer of the updates can compare than this is said to be seldom there.
SELDOM = 0.5


@dataclass(frozen=True)
class Groups:
    """The groups that training rows are compared by: of each its axis, and which rows name it.

    Groups that are held out for judging are not among them.

    Attributes:
      names: ids.
      axes: of each group.
      rows_NG: float32, 1 where a training row names a person or people of the group.
      harmful_N: bool, training rows whose label is harm.
    """

    names: tuple[str, ...]
    axes: tuple[str, ...]
    rows_NG: np.ndarray
    harmful_N: np.ndarray

    @staticmethod
    def of(rows: Sequence[Row], operator: SwapOperator, positive_labels: Sequence[str]) -> Groups:
        """Reads the mentions of the training rows.

        Raises:
          BadInputError: no row names a group.
        """
        pairs = [
            (axis, group.id)
            for axis in operator.axes
            for group in operator.pack.axis(axis).groups
            if group.id not in operator.groups[axis].held_out
        ]
        places = {pair: place for place, pair in enumerate(pairs)}
        named = np.zeros((len(rows), len(pairs)), np.float32)
        for number, row in enumerate(rows):
            found: list[Mention] = operator.mentions(row.text)
            for mention in found:
                if mention.human and (mention.axis, mention.group) in places:
                    named[number, places[mention.axis, mention.group]] = 1.0
        if not named.any():
            raise BadInputError(
                "config.safety.penalties: no training row names a group that could be compared on "
                f"{', '.join(operator.axes)}; set the weights to 0, or choose other axes"
            )
        harmful = np.asarray([row.label in positive_labels for row in rows], bool)
        return Groups(tuple(group for _, group in pairs), tuple(axis for axis, _ in pairs), named, harmful)

    def comparisons(self, labels: Sequence[Labels]) -> list[str]:
        """Names of the comparisons of :func:`~amharic_tl.safety.penalties.group_sides.sides`, in their order."""
        return [name if label == "any" else f"{name} ({label})" for label in labels for name in self.names]

    def sides(self, labels: Sequence[Labels]) -> tuple[np.ndarray, np.ndarray]:
        """Those of all training rows."""
        harmful_N = jnp.asarray(self.harmful_N)
        found = sides(jnp.asarray(self.rows_NG), harmful_N, jnp.ones(len(harmful_N)), self.axes, labels)
        return np.asarray(found[0]), np.asarray(found[1])


class GroupBatches(PlannedBatches):
    """``row_groups [b, G]`` float32 by step: the groups that the rows of the training batch name; 0 for filler."""

    def __init__(self, plan: BatchPlan, groups: Groups, *, process_index: int = 0, process_count: int = 1) -> None:
        super().__init__(plan, process_index, process_count)
        self.groups = groups

    def _made(self, rows: np.ndarray, length: int, step: int) -> HostBatch:
        del length, step
        named = self.groups.rows_NG[np.maximum(rows, 0)]
        return {"row_groups": np.where(rows[:, None] >= 0, named, 0.0).astype(np.float32)}

    def presence(self, labels: Sequence[Labels], alone: bool = False) -> Presence:
        """How often an update can make each comparison, from the plan of the batches.

        Args:
          labels: as of :func:`~amharic_tl.safety.penalties.group_sides.sides`.
          alone: the rows of a group are enough: they are compared with no other's.
        """
        members, others = self.groups.sides(labels)
        if alone:
            others = np.ones_like(members)
        looked = min(LOOKED_AT, len(self))
        batches = [rows[rows >= 0] for rows in (self.plan[step].rows for step in range(looked))]
        held = np.stack([members[rows].sum(axis=0) for rows in batches])
        able = (held > 0) & (np.stack([others[rows].sum(axis=0) for rows in batches]) > 0)
        return Presence(self.groups.comparisons(labels), members.sum(axis=0).astype(int), held, able)


@dataclass(frozen=True)
class Presence:
    """Comparisons by name, the training rows of each, and by update ``[U, C]`` the rows held and whether they count."""

    names: list[str]
    rows_C: np.ndarray
    held_UC: np.ndarray
    able_UC: np.ndarray

    @cached_property
    def shares(self) -> dict[str, float]:
        """Share of the updates that can make a comparison, of those that have training rows."""
        found = zip(self.names, self.rows_C, self.able_UC.mean(axis=0), strict=True)
        return {name: float(share) for name, rows, share in found if rows}

    def about(self) -> dict[str, Any]:
        """As watched.json has it."""
        return {
            "updates_looked_at": len(self.able_UC),
            "groups": {
                name: {
                    "rows": int(self.rows_C[place]),
                    "updates": self.shares.get(name, 0.0),
                    "rows_an_update": float(self.held_UC[:, place].mean()),
                }
                for place, name in enumerate(self.names)
            },
        }

    def check(self, penalty: str, batch_size: int) -> tuple[str, ...]:
        """A sentence about groups that are seldom there, none where all are.

        Raises:
          BadInputError: no update can compare anything.
        """
        if not self.able_UC.any():
            raise BadInputError(
                f"config.safety.penalties.{penalty}: none of the first {len(self.able_UC)} updates of {batch_size} "
                "rows holds rows of two groups that could be compared; raise config.train.batch_size (with "
                "config.train.microbatch for memory), or set the weight to 0"
            )
        seldom = [f"{name} {share:.0%}" for name, share in self.shares.items() if share < SELDOM]
        if not seldom:
            return ()
        return (
            f"penalty {penalty}: of {len(self.able_UC)} updates few can compare {', '.join(seldom)}; with so few rows "
            "its value is mostly chance: raise config.train.batch_size",
        )


@dataclass(frozen=True)
class GroupTerm:
    """What penalties on groups have in common: no forward pass beside that of the loss, and rows of the whole update.

    Attributes:
      weight: in the loss.
      axes: of each group, in the order of ``row_groups``.
      harmful: of each class, whether it is harm.
    """

    weight: float
    axes: tuple[str, ...]
    harmful: tuple[bool, ...]
    needs: ClassVar[frozenset[Need]] = frozenset()

    def rows(self, part: Part) -> dict[str, jax.Array]:
        """Probability of harm ``[N]``, whether the label is harm, the groups ``[N, G]``, and 0 for filler."""
        batch = part.batch
        probabilities = jax.nn.softmax(part.outputs.logits.astype(jnp.float32), axis=-1)
        harmful_C = jnp.asarray(self.harmful, jnp.float32)
        known = batch["labels"] >= 0
        return {
            "scores": probabilities @ harmful_C,
            "harmful": harmful_C[jnp.maximum(batch["labels"], 0)],
            "groups": batch["row_groups"].astype(jnp.float32),
            "counted": jnp.where(known, batch["weights"], 0.0).astype(jnp.float32),
        }

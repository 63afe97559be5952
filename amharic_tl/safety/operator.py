"""The swap operator of a run: which groups and forms the penalty exchanges, and which are held out for judging.

A penalty is judged outside its operator: on swaps into a group that training never exchanged, and on swaps of words
for a group (spellings, inflections) that it never exchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from amharic_tl.culture.benign import BenignItem
from amharic_tl.culture.groups import Group
from amharic_tl.culture.mentions import Matcher, Mention
from amharic_tl.culture.pack import Pack, open_pack
from amharic_tl.culture.swaps import Refusal, Swap, Swapper
from amharic_tl.errors import BadInputError, ConfigError, name_some

Scope = Literal["trained_on", "held_out", "held_out_forms"]
SCOPES: tuple[Scope, ...] = ("trained_on", "held_out", "held_out_forms")


@dataclass(frozen=True)
class AxisGroups:
    """Ids of an axis by what training does with them."""

    trained_on: tuple[str, ...]
    held_out: tuple[str, ...]


class SwapOperator:
    """Mentions and swaps of the axes that a run watches.

    Attributes:
      pack: the culture pack.
      axes: the axes watched, in order.
      groups: by axis, what is trained on and what is held out.
    """

    def __init__(self, pack_name: str, axes: Sequence[str], held_out_groups: Sequence[str] | None) -> None:
        """Opens the pack.

        Args:
          pack_name: a bundled pack or a folder.
          axes: those to watch.
          held_out_groups: ids that training never exchanges; None: those that the pack marks.

        Raises:
          MissingInputError: there is no such pack.
          BadInputError: the pack is refused, or has no such axis.
          ConfigError: no axis has such a group; an axis keeps fewer than two groups to exchange.
        """
        self.pack: Pack = open_pack(pack_name)
        self.axes = tuple(axes)
        self._matcher = Matcher(self.pack, axes)
        known = {group.id: group for axis in axes for group in self.pack.axis(axis).groups}
        strangers = [name for name in held_out_groups or () if name not in known]
        if strangers:
            raise ConfigError(
                f"config.safety.held_out_groups: no axis of {', '.join(axes)} has {name_some(strangers)}; "
                f"groups are {name_some(sorted(known), 40)}"
            )
        self._held_out = None if held_out_groups is None else frozenset(held_out_groups)
        self.groups = {axis: self._split(axis, held_out_groups) for axis in axes}
        self._training = {axis: self._swapper(axis, of.trained_on, False) for axis, of in self.groups.items()}
        self._judging = {axis: self._swapper(axis, of.held_out, True) for axis, of in self.groups.items()}
        self._forms = {axis: self._swapper(axis, of.trained_on, True) for axis, of in self.groups.items()}

    def _split(self, axis: str, held_out_groups: Sequence[str] | None) -> AxisGroups:
        groups = self.pack.axis(axis).groups
        out = {group.id for group in groups if group.held_out} if held_out_groups is None else set(held_out_groups)
        groups = tuple(group for group in groups if group.swaps)
        trained = tuple(group.id for group in groups if group.id not in out)
        if self.pack.axis(axis).swaps and len(trained) < 2:
            raise ConfigError(
                f"config.safety.held_out_groups: the axis {axis} keeps {len(trained)} groups to exchange; it needs two"
            )
        return AxisGroups(trained, tuple(group.id for group in groups if group.id in out))

    def _swapper(self, axis: str, targets: Sequence[str], held_out: bool) -> Swapper:
        sources = [group.id for group in self.pack.axis(axis).groups] if held_out else targets
        return Swapper(self.pack, axis, sources, targets, held_out_forms=held_out, matcher=self._matcher)

    @property
    def swapped_axes(self) -> tuple[str, ...]:
        """The axes whose groups can be exchanged word by word."""
        return tuple(axis for axis in self.axes if self.pack.axis(axis).swaps)

    def penalised_groups(self, axis: str) -> tuple[Group, ...]:
        """The groups that a penalty may name: all but those held out for judging."""
        groups = self.pack.axis(axis).groups
        return tuple(
            group
            for group in groups
            if (not group.held_out if self._held_out is None else group.id not in self._held_out)
        )

    def mentions(self, text: str) -> list[Mention]:
        """The mentions of the watched axes."""
        return self._matcher.find(text)

    def swap(self, axis: str, scope: Scope, text: str, mentions: Sequence[Mention], key: str) -> Swap | Refusal | None:
        """A counterfactual of ``text``.

        ``trained_on`` stays within what training does; ``held_out`` makes every group one that is held out;
        ``held_out_forms`` exchanges groups of training for each other where the text writes one of them in a form that
        training never exchanges (None where it does not).
        """
        if scope == "held_out_forms":
            own = [mention for mention in mentions if mention.axis == axis and mention.human]
            known = all(mention.group in self.groups[axis].trained_on for mention in own)
            if not (known and any(mention.form.held_out for mention in own)):
                return None
        swappers = {"trained_on": self._training, "held_out": self._judging, "held_out_forms": self._forms}
        return swappers[scope][axis].swap(text, mentions, key)

    def benign_texts(self, axis: str) -> Iterator[tuple[str, str, str, str]]:
        """``(id, item, group, text)`` of every benign sentence of an axis, filled with each of its groups.

        Those of :meth:`unreadable_benign_texts` are left out.
        """
        return ((name, item, group, text) for name, item, group, text, reads in self.filled(axis) if reads)

    def unreadable_benign_texts(self, axis: str) -> list[str]:
        """Ids of the benign sentences that are not used: the matcher finds no person or people of the group in them."""
        return [name for name, _, _, _, reads in self.filled(axis) if not reads]

    def filled(self, axis: str, items: Sequence[BenignItem] | None = None) -> Iterator[tuple[str, str, str, str, bool]]:
        """``(id, item, group, text, reads)`` of benign sentences (None: the pack's) of an axis with each of its groups.

        ``reads`` tells whether the matcher finds a person or people of the group in it, and nothing else.
        """
        groups = {group.id: group for group in self.pack.axis(axis).groups}
        for item in self.pack.benign if items is None else items:
            if item.axis != axis:
                continue
            for group in groups.values() if item.group is None else (groups[item.group],):
                text = item.text.replace("{person}", group.in_full).replace("{people}", group.people)
                found = [mention for mention in self.mentions(text) if mention.axis == axis]
                reads = [mention.group for mention in found] == [group.id] and found[0].human
                yield f"{item.id}/{group.id}", item.id, group.id, text, reads

    def rests_on_unreviewed(self, axis: str) -> bool:
        """Whether anything of the axis, or of the grammar that reads it, lacks a native speaker's signature."""
        groups = all(group.authorship.reviewed for group in self.pack.axis(axis).groups)
        items = all(item.authorship.reviewed for item in self.pack.benign if item.axis == axis)
        words = self.pack.axis(axis).asymmetric_authorship
        words_reviewed = words is None or words.reviewed
        return not (groups and items and words_reviewed and self.pack.language_authorship.reviewed)


def check_positive_labels(positive: Sequence[str], labels: Sequence[str]) -> None:
    """Refuses positive labels that the data does not have, or that leave nothing negative.

    Raises:
      BadInputError: see above.
    """
    strangers = [name for name in positive if name not in labels]
    if strangers:
        raise BadInputError(
            f"config.safety.positive_labels: the training data has no label {name_some(strangers)}; "
            f"its labels are {name_some(labels, 20)}"
        )
    if len(set(positive)) == len(labels):
        raise BadInputError("config.safety.positive_labels names every label; one at least must be harmless")

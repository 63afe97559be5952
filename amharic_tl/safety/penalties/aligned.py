"""Texts beside their swapped copies, token by token: which tokens outside the exchanged names correspond."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amharic_tl.culture.swaps import Span, Swap
from amharic_tl.data.batches import BatchPlan, HostBatch, PlannedBatches
from amharic_tl.safety.penalties.asked import Ask, Asked, field_lengths, stacked
from amharic_tl.safety.scoring.tokens import token_offsets

# Of the arrays that are rows of the model; see asked.rows_of.
ROWS = "js_row_"


@dataclass(frozen=True)
class AlignedPair:
    """Own tokens of a text and of its copy.

    ``shared``: int ``[N, 2]``, places of tokens that correspond, in order: the same token, of the same characters
    outside the exchanged names. Two of them are neighbours in both texts or in neither.
    """

    first: tuple[int, ...] = field(repr=False)
    second: tuple[int, ...] = field(repr=False)
    shared: np.ndarray


def aligned_pairs(
    found: Sequence[tuple[str, Swap]], tokenizer: Any, most: int, *, after_the_name: bool
) -> tuple[list[AlignedPair], frozenset[int]]:
    """Pairs with a corresponding token at least, and the tokens that write nothing but exchanged names in them.

    Args:
      found: texts and their swaps.
      tokenizer: of the model.
      most: own tokens of a text that are read, from its beginning.
      after_the_name: only tokens behind the first exchanged name correspond: before it a model that reads from left to
        right has seen nothing that differs, and would only dilute a mean.
    """
    texts = [text for text, _ in found] + [swap.text for _, swap in found]
    cut = [(ids[:most], offsets[:most]) for ids, offsets in token_offsets(tokenizer, texts)]
    pairs: list[AlignedPair] = []
    in_names: set[int] = set()
    elsewhere: set[int] = set()
    for (_, swap), first, second in zip(found, cut[: len(found)], cut[len(found) :], strict=True):
        outside = [
            list(_outside(*of, [spans[side] for spans in swap.spans])) for side, of in enumerate((first, second))
        ]
        for (ids, _), kept in zip((first, second), outside, strict=True):
            of_text = {place for place, _ in kept}
            elsewhere.update(ids[place] for place in of_text)
            in_names.update(token for place, token in enumerate(ids) if place not in of_text)
        shared = _shared(*outside)
        if after_the_name:
            name = min((place for place in range(len(first[0])) if place not in dict(outside[0])), default=-1)
            shared = [one for one in shared if name >= 0 and one[0] > name]
        if shared:
            pairs.append(AlignedPair(tuple(first[0]), tuple(second[0]), np.asarray(shared)))
    return pairs, frozenset(in_names - elsewhere)


def _outside(
    ids: Sequence[int], offsets: Sequence[tuple[int, int]], spans: Sequence[Span]
) -> Iterator[tuple[int, tuple[int, int, int, int]]]:
    """Place of each token that stands for no character of a span; its stretch between spans, its characters counted
    from the beginning of that stretch, and its id: the same in both texts where tokens correspond."""
    for place, (token, (start, end)) in enumerate(zip(ids, offsets, strict=True)):
        if any(start < last and end > first for first, last in spans):
            continue
        stretch = sum(last <= start for _, last in spans)
        begins = spans[stretch - 1][1] if stretch else 0
        yield place, (stretch, start - begins, end - begins, token)


def _shared(
    first: Sequence[tuple[int, tuple[int, ...]]], second: Sequence[tuple[int, tuple[int, ...]]]
) -> list[tuple[int, int]]:
    """Places of the same tokens. Tokens of parts of one character are matched in their order."""
    there: dict[tuple[int, ...], deque[int]] = defaultdict(deque)
    for place, key in second:
        there[key].append(place)
    shared: list[tuple[int, int]] = []
    for place, key in first:
        if not there[key]:
            continue
        other = there[key].popleft()
        if shared and other <= shared[-1][1]:
            continue
        if shared and (place - shared[-1][0] == 1) is not (other - shared[-1][1] == 1):
            continue
        shared.append((place, other))
    return shared


class AlignedPairBatches(PlannedBatches):
    """Pairs by step, as rows that a language model is asked about; see :mod:`~amharic_tl.safety.penalties.asked`.

    ``js_row_*``: int32 arrays ``[P, 2, length]`` of the task's batches, and ``places tokens [P, 2, K]``;
    ``js_row_valid`` float32 ``[P, 2, K]``; ``js_weights [P]`` float32. One shape for all steps.
    """

    def __init__(
        self,
        pairs: Sequence[AlignedPair],
        ask: Ask,
        kind: str,
        *,
        size: int,
        places: int,
        share: float,
        run: int,
        special: int,
        pad_id: int,
        seed: int,
        process_index: int = 0,
        process_count: int = 1,
    ) -> None:
        """Plans ``pairs``.

        Args:
          pairs: all of them.
          ask: puts a text to the model.
          kind: of the task.
          size: pairs an update, over the whole mesh.
          places: most places of a pair that are compared at an update.
          share: of a text's tokens that are asked for at most.
          run: how many neighbours are asked for together.
          special: most tokens that a row has beside those of its text.
          pad_id: of the tokenizer.
          seed: of the order of pairs, and of what is asked for.
          process_index: of this process.
          process_count: of all.
        """
        lengths = np.asarray([max(len(pair.first), len(pair.second)) + special for pair in pairs])
        plan = BatchPlan(lengths, size, seed, int(lengths.max()), max_buckets=1)
        super().__init__(plan, process_index, process_count)
        self._pairs, self._ask, self._kind = pairs, ask, kind
        self._places, self._share, self._run, self._pad, self._seed = places, share, run, pad_id, seed

    def _made(self, rows: np.ndarray, length: int, step: int) -> HostBatch:
        """Filler weighs 0."""
        asked: list[Asked | None] = []
        for row in rows:
            if row < 0:
                asked += [None, None]
                continue
            pair = self._pairs[row]
            chosen = pair.shared[self._drawn(int(row), step)]
            asked += [self._ask(pair.first, chosen[:, 0].tolist()), self._ask(pair.second, chosen[:, 1].tolist())]
        lengths = field_lengths(self._kind, length, self._places)
        made = stacked(asked, lengths, self._places, self._pad, self._kind)
        of_pairs = {f"{ROWS}{name}": array.reshape(len(rows), 2, -1) for name, array in made.items()}
        return {**of_pairs, "js_weights": (rows >= 0).astype(np.float32)}

    def _drawn(self, row: int, step: int) -> np.ndarray:
        """Which of a pair's corresponding tokens are asked for at a step, ascending: a function of seed, row, step."""
        pair = self._pairs[row]
        shortest = min(len(pair.first), len(pair.second))
        count = min(self._places, len(pair.shared), max(1, round(self._share * shortest)))
        generator = np.random.Generator(np.random.Philox(key=[self._seed, (row << 32) | step]))
        chosen: set[int] = set()
        for start in generator.permutation(len(pair.shared)):
            for place in range(int(start), min(int(start) + self._run, len(pair.shared))):
                apart = place > start and pair.shared[place, 0] - pair.shared[place - 1, 0] > 1
                if apart or len(chosen) == count:
                    break
                chosen.add(place)
            if len(chosen) == count:
                break
        return np.asarray(sorted(chosen))

"""Further merges for a vocabulary that is there already: byte-pair encoding, gone on with where its training ended."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Pair = tuple[str, str]


@dataclass(frozen=True)
class Merge:
    """``pair`` becomes ``piece``; ``count`` is how often it stood in the text when it was chosen."""

    pair: Pair
    piece: str
    count: int


def learn_merges(
    words: Mapping[tuple[str, ...], int],
    join: Callable[[str, str], str],
    allowed: Callable[[str], bool],
    known: frozenset[str],
    size: int,
    minimum_count: int = 2,
) -> list[Merge]:
    """Merges the most frequent pair of neighbouring pieces, again and again (Sennrich et al. 2016, algorithm 1).

    Args:
      words: how often each word stands in the text, split into the pieces there are.
      join: what two pieces become.
      allowed: whether a piece may be made.
      known: pieces there are; a merge that leads to one is learned, but is no new piece.
      size: how many new pieces are wanted.
      minimum_count: a pair that stands in the text fewer times is not merged.

    Returns:
      Merges in the order they are to be applied; fewer than asked for where the text has no more.
    """
    pieces = [list(word) for word in words]
    often = list(words.values())
    counts: dict[Pair, int] = defaultdict(int)
    places: dict[Pair, set[int]] = defaultdict(set)
    for number, word in enumerate(pieces):
        for pair in zip(word, word[1:], strict=False):
            counts[pair] += often[number]
            places[pair].add(number)
    may: dict[Pair, bool] = {}
    # Counts in the heap may be old; each is checked when it comes out. Ties go by the pieces' own order.
    heap = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(heap)
    found: list[Merge] = []
    made: set[str] = set()
    learned: set[Pair] = set()
    while heap and len(made) < size:
        negative, pair = heapq.heappop(heap)
        count = counts.get(pair, 0)
        if -negative != count:
            if count >= minimum_count:
                heapq.heappush(heap, (-count, pair))
            continue
        if count < minimum_count:
            break
        piece = join(*pair)
        if pair not in may:
            may[pair] = allowed(piece)
        if not may[pair]:
            continue
        if pair not in learned:  # a pair can stand again beside a piece that was made in another way
            learned.add(pair)
            found.append(Merge(pair, piece, count))
        if piece not in known:
            made.add(piece)
        for changed in _apply(pair, piece, pieces, often, counts, places):
            if counts[changed] >= minimum_count:
                heapq.heappush(heap, (-counts[changed], changed))
    return found


def _apply(
    pair: Pair,
    piece: str,
    pieces: list[list[str]],
    often: Sequence[int],
    counts: dict[Pair, int],
    places: dict[Pair, set[int]],
) -> list[Pair]:
    """Merges ``pair`` wherever it stands; returns the pairs that became more frequent, in a fixed order."""
    grown: dict[Pair, None] = {}
    for number in sorted(places.pop(pair, ())):
        word, times = pieces[number], often[number]
        merged: list[str] = []
        position = 0
        while position < len(word):
            if tuple(word[position : position + 2]) == pair:
                merged.append(piece)
                position += 2
            else:
                merged.append(word[position])
                position += 1
        for old in zip(word, word[1:], strict=False):
            counts[old] -= times
            places[old].discard(number)
        for new in zip(merged, merged[1:], strict=False):
            counts[new] += times
            places[new].add(number)
            if piece in new:
                grown[new] = None
        pieces[number] = merged
    counts.pop(pair, None)
    return list(grown)

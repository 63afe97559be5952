"""Pairs for a penalty: training rows beside their swapped copies, as token ids. The swapped texts are not kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from amharic_tl.culture.swaps import Swap, SwapCounts
from amharic_tl.data.batches import BatchPlan, HostBatch, PlannedBatches
from amharic_tl.data.rows import Row
from amharic_tl.data.tokenizer import Keep, encode, first_tokens
from amharic_tl.errors import BadInputError
from amharic_tl.safety.operator import SwapOperator

# Different swaps of the same row, so that it meets several groups in the course of training.
VARIANTS = 4
# The step is compiled for each padded length of the rows times each of the pairs.
MAX_BUCKETS = 2


class PairBatches(PlannedBatches):
    """``pair_input_ids pair_attention_mask [P, 2, T]`` int32 and ``pair_weights [P]`` float32, by step.

    An epoch of pairs sees every pair once; its length has nothing to do with that of the rows.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[np.ndarray, np.ndarray]],
        size: int,
        pad_id: int,
        seed: int,
        limit: int,
        *,
        process_index: int = 0,
        process_count: int = 1,
    ) -> None:
        """Plans ``pairs`` in batches of ``size``; arguments as of :class:`~amharic_tl.data.batches.Batches`."""
        lengths = np.asarray([max(len(left), len(right)) for left, right in pairs])
        super().__init__(BatchPlan(lengths, size, seed, limit, MAX_BUCKETS), process_index, process_count)
        self._pairs, self._pad = pairs, pad_id

    def _made(self, rows: np.ndarray, length: int, step: int) -> HostBatch:
        """Filler weighs 0."""
        del step
        input_ids = np.full((len(rows), 2, length), self._pad, np.int32)
        mask = np.zeros((len(rows), 2, length), np.int32)
        mask[:, :, 0] = 1  # a filler pair keeps one real position, so that its attention is well defined
        for place, row in enumerate(rows):
            for member in range(2 if row >= 0 else 0):
                ids = self._pairs[row][member]
                input_ids[place, member, : len(ids)] = ids
                mask[place, member, : len(ids)] = 1
        weights = (rows >= 0).astype(np.float32)
        return {"pair_input_ids": input_ids, "pair_attention_mask": mask, "pair_weights": weights}


Refused = dict[str, dict[str, dict[str, object]]]


def exchanged(
    texts: Iterable[tuple[str, str]], operator: SwapOperator, seed: int, leaf: str
) -> tuple[list[tuple[str, Swap]], Refused]:
    """Texts beside their swaps within what training exchanges, and by axis and group how many were refused and why.

    Args:
      texts: id and text of each.
      operator: of the run.
      seed: of the run; with the id it chooses the groups.
      leaf: the penalty's section of the config, for the sentence of a refusal.

    Raises:
      BadInputError: no text can be exchanged, so that a penalty would have nothing to work on.
    """
    found: list[tuple[str, Swap]] = []
    counts = {axis: SwapCounts() for axis in operator.swapped_axes}
    for name, text in texts:
        mentions = operator.mentions(text)
        for axis in operator.swapped_axes if mentions else ():
            made: dict[str, Swap] = {}  # keeps its order
            for variant in range(VARIANTS):
                result = operator.swap(axis, "trained_on", text, mentions, f"{seed}/{name}/{axis}/{variant}")
                if result is not None and variant == 0:
                    counts[axis].add([one for one in mentions if one.axis == axis], result)
                if isinstance(result, Swap):
                    made.setdefault(result.text, result)
            found += [(text, swap) for swap in made.values()]
    if not found:
        raise BadInputError(
            f"config.{leaf}: no training row names a person or people that could be exchanged "
            f"on {', '.join(operator.swapped_axes) or 'these axes'}; set the weight to 0, or choose other axes"
        )
    return found, {axis: of.table() for axis, of in counts.items()}


def training_pairs(
    rows: Sequence[Row],
    operator: SwapOperator,
    tokenizer: Any,
    max_length: int,
    seed: int,
    keep: Keep = first_tokens,
) -> tuple[list[tuple[np.ndarray, np.ndarray]], Refused]:
    """Pairs of the rows that the operator exchanges, and by axis and group how many it refused and why.

    Raises:
      BadInputError: no row can be exchanged, or every one is cut off before the name.
    """
    leaf = "safety.penalties.logit_pairing"
    found, refused = exchanged(((row.id, row.text) for row in rows), operator, seed, leaf)
    texts = [text for text, _ in found] + [swap.text for _, swap in found]
    ids = encode(tokenizer, texts, max_length, keep=keep).ids
    pairs = zip(ids[: len(found)], ids[len(found) :], strict=True)
    # Where both are cut off before the name they are the same, and would only dilute the mean.
    kept = [pair for pair in pairs if not np.array_equal(*pair)]
    if not kept:
        raise BadInputError(
            f"config.data.max_length: {max_length} tokens cut every training row off before the name that could be "
            "exchanged; allow more"
        )
    return kept, refused

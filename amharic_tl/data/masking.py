"""Masked-LM examples: long texts cut into windows, tokens masked anew at every step (Liu et al. 2019, section 4.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from amharic_tl.data.batches import Batches, BatchPlan, HostBatch
from amharic_tl.data.tokenizer import bare_tokens, special_ends


def windows(tokenizer: Any, texts: Sequence[str], max_length: int) -> tuple[list[np.ndarray], list[int]]:
    """Token windows of at most ``max_length`` with special tokens around each; nothing of a text is dropped.

    Paragraphs (lines) are kept together as far as a window holds them.

    Returns:
      int32 windows, and for each the index of its text.
    """
    before, after = special_ends(tokenizer)
    room = max_length - len(before) - len(after)
    cut: list[np.ndarray] = []
    source: list[int] = []

    def close(pieces: list[int], text: int) -> None:
        if pieces:
            cut.append(np.asarray([*before, *pieces, *after], np.int32))
            source.append(text)

    for number, text in enumerate(texts):
        paragraphs = [part for part in text.split("\n") if part.strip()]
        if not paragraphs:
            continue
        gathered: list[int] = []
        for pieces in bare_tokens(tokenizer, paragraphs):
            if gathered and len(gathered) + len(pieces) > room:
                close(gathered, number)
                gathered = []
            gathered = gathered + pieces
            while len(gathered) > room:
                close(gathered[:room], number)
                gathered = gathered[room:]
        close(gathered, number)
    return cut, source


class MaskedBatches(Batches):
    """Batches whose tokens are masked as a function of seed, step and row: the same again after a resumption.

    A share of the tokens that are not special is chosen; 80% of those become the mask token, 10% a random token, 10%
    stay (Devlin et al. 2019, appendix A.1). The number of places is fixed by the length, so that shapes do not vary.
    """

    def __init__(
        self,
        plan: BatchPlan,
        ids: Sequence[np.ndarray],
        tokenizer: Any,
        *,
        probability: float,
        seed: int,
        vary: bool,
        process_index: int = 0,
        process_count: int = 1,
    ) -> None:
        """``vary``: mask anew at each step; False masks a row alike whenever it is seen (evaluation)."""
        super().__init__(
            plan, ids, tokenizer.pad_token_id, _nothing, process_index=process_index, process_count=process_count
        )
        self._mask_id = tokenizer.mask_token_id
        self._vocabulary = len(tokenizer)
        self._special = np.asarray(sorted(tokenizer.all_special_ids), np.int32)
        self._probability, self._seed, self._vary = probability, seed, vary

    def __getitem__(self, step: int) -> HostBatch:
        """Adds ``masked_positions labels weights [b, M]`` and masks ``input_ids``."""
        batch = super().__getitem__(step)
        ids, rows = batch["input_ids"], batch["row_index"]
        places = max(1, round(self._probability * ids.shape[1]))
        positions = np.zeros((len(rows), places), np.int32)
        labels = np.zeros((len(rows), places), np.int32)
        weights = np.zeros((len(rows), places), np.float32)
        for place, row in enumerate(rows):
            if row < 0:
                continue
            # Keyed by row and step, not by process or place: any layout of processes masks alike.
            counter = (int(row) << 32) | (step if self._vary else 0)
            generator = np.random.Generator(np.random.Philox(key=[self._seed, counter]))
            candidates = np.flatnonzero((batch["attention_mask"][place] > 0) & ~np.isin(ids[place], self._special))
            count = min(places, max(1, round(self._probability * len(candidates))), len(candidates))
            chosen = np.sort(generator.choice(candidates, count, replace=False))
            positions[place, :count], labels[place, :count], weights[place, :count] = chosen, ids[place, chosen], 1.0
            fate = generator.random(count)
            replaced = np.where(fate < 0.8, self._mask_id, generator.integers(0, self._vocabulary, count))
            ids[place, chosen] = np.where(fate < 0.9, replaced, ids[place, chosen])
        return {**batch, "masked_positions": positions, "labels": labels, "weights": weights}


def _nothing(rows: np.ndarray, length: int, step: int) -> Mapping[str, np.ndarray]:
    del rows, length, step
    return {}

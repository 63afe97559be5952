"""Counterfactual logit pairing: what a classifier says of a row and of its swapped copy is to be the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from amharic_tl.data.long_text import KEEP
from amharic_tl.safety.pairs import PairBatches, training_pairs
from amharic_tl.safety.penalties.given import Given, Penalty
from amharic_tl.tasks.base import Batch
from amharic_tl.tasks.prepared import process_share
from amharic_tl.tasks.terms import Need, Part


@dataclass(frozen=True)
class LogitPairing:
    """Counterfactual logit pairing (Garg et al. 2019, equation 3): mean ``|g(x) - g(x')|`` over classes and pairs.

    ``x'`` is ``x`` with its groups exchanged. The batch carries ``pair_input_ids pair_attention_mask [P, 2, T]`` and
    ``pair_weights [P]``; the logits ``[2P, C]`` are compared in float32. Both members of a pair lie on one device.
    Without dropout, whose noise is a distance too. Known failures: a constant predictor has the value 0, and so has a
    model that overlooks every mention, which is why erasure twins are measured beside it.
    """

    weight: float
    name: ClassVar[str] = "logit_pairing"
    needs: ClassVar[frozenset[Need]] = frozenset()

    def model_inputs(self, batch: Batch) -> dict[str, jax.Array]:
        """Both members of every pair, one below the other: ``[2P, T]``."""
        pairs, _, length = batch["pair_input_ids"].shape
        return {
            "input_ids": batch["pair_input_ids"].reshape(2 * pairs, length),
            "attention_mask": batch["pair_attention_mask"].reshape(2 * pairs, length),
        }

    def item_weights(self, batch: Batch) -> jax.Array:
        """1 for a pair, 0 for filler: ``[P]``."""
        return batch["pair_weights"]

    def value(self, part: Part) -> jax.Array:
        """The summed distance of the pairs: one more pass, over them."""
        logits = part.run(self.model_inputs(part.batch)).logits.astype(jnp.float32)
        logits_P2C = logits.reshape(-1, 2, logits.shape[-1])
        distance_P = jnp.abs(logits_P2C[:, 0] - logits_P2C[:, 1]).mean(axis=-1)
        return jnp.sum(distance_P * part.batch["pair_weights"])


def build(given: Given) -> Penalty:
    """Pairs of the training rows that can be exchanged.

    Raises:
      ConfigError: devices and microbatches cannot share the pairs evenly.
      BadInputError: no row can be exchanged.
    """
    config, settings = given.config, given.config.safety.penalties.logit_pairing
    given.check_divides("safety.penalties.logit_pairing.pairs", settings.pairs, "pairs")
    length, seed = config.data.max_length, config.train.seed
    pairs, refused = training_pairs(
        given.splits.train.rows, given.operator, given.tokenizer, length, seed, KEEP[config.data.long_text]
    )
    batches = PairBatches(pairs, settings.pairs, given.tokenizer.pad_token_id, seed, length, **process_share())
    return Penalty(LogitPairing(settings.weight), batches, {"refused": refused}, passes=1)

"""Counterfactual pairing of a language model: what follows is to be predicted alike, whichever group was named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from amharic_tl.data.rows import Row
from amharic_tl.data.span_corruption import sentinel_ids
from amharic_tl.errors import BadInputError
from amharic_tl.safety.pairs import exchanged
from amharic_tl.safety.penalties.aligned import ROWS, AlignedPairBatches, aligned_pairs
from amharic_tl.safety.penalties.asked import make_ask, room, rows_of
from amharic_tl.safety.penalties.given import Given, Penalty
from amharic_tl.tasks.base import Batch, PredictsTokens
from amharic_tl.tasks.prepared import process_share
from amharic_tl.tasks.terms import Need, Part
from amharic_tl.tasks.token_losses import token_js

LEAF = "safety.penalties.js_pairing"


@dataclass(frozen=True)
class JSPairing:
    """Mean over pairs of the mean over compared places of ``JS(P(. | x), P(. | x'))`` (Lin 1991), in nats, 0 to ln 2.

    ``x'`` is ``x`` with its groups exchanged, and the places are those that predict the same token outside the
    exchanged names: a masked token, the next token, a token of a corrupted span. Tokens that write nothing but names
    are left out of both distributions: to name the same group again is no bias. Both members of a pair lie on one
    device. Without dropout, whose noise is a distance too.

    Known failures: a model that predicts the same whatever it reads has the value 0, and so has one that overlooks
    names; so has one that treats alike the groups it trained on alone.
    """

    weight: float
    task: PredictsTokens
    names: tuple[int, ...] = ()
    name: ClassVar[str] = "js_pairing"
    needs: ClassVar[frozenset[Need]] = frozenset()

    def item_weights(self, batch: Batch) -> jax.Array:
        """1 for a pair, 0 for filler: ``[P]``."""
        return batch["js_weights"]

    def value(self, part: Part) -> jax.Array:
        """The summed divergence of the pairs: one more pass, over them."""
        rows = rows_of(part.batch, ROWS)
        head, hidden_RKH = self.task.predictions_at(part.outputs_of(rows), rows["places"])
        hidden_P2KH = hidden_RKH.reshape(-1, 2, *hidden_RKH.shape[1:])
        js_PK = token_js((head, hidden_P2KH[:, 0]), (head, hidden_P2KH[:, 1]), self.names)
        valid_PK = part.batch[f"{ROWS}valid"][:, 0]
        mean_P = jnp.sum(js_PK * valid_PK, axis=-1) / jnp.maximum(jnp.sum(valid_PK, axis=-1), 1.0)
        return jnp.sum(mean_P * part.batch["js_weights"])


def build(given: Given) -> Penalty:
    """Pairs of the paragraphs of training rows that can be exchanged.

    Raises:
      ConfigError: devices and microbatches cannot share the pairs evenly.
      BadInputError: nothing can be exchanged, or names stand where the model reads nothing behind them.
    """
    config, tokenizer, settings = given.config, given.tokenizer, given.config.safety.penalties.js_pairing
    kind, seed = config.task.kind, config.train.seed
    given.check_divides(f"{LEAF}.pairs", settings.pairs, "pairs")
    most = room(tokenizer, config.data.max_length)
    found, refused = exchanged(_paragraphs(given.splits.train.rows), given.operator, seed, LEAF)
    pairs, names = aligned_pairs(found, tokenizer, most, after_the_name=kind == "causal-lm")
    if not pairs:
        raise BadInputError(
            f"config.{LEAF}: no token of {len(found)} exchanged texts can be compared within config.data.max_length="
            f"{config.data.max_length}: names stand at the end, or behind it; allow more, or set the weight to 0"
        )
    share, run, places = _asked(given)
    batches = AlignedPairBatches(
        pairs,
        make_ask(kind, tokenizer),
        kind,
        size=settings.pairs,
        places=places,
        share=share,
        run=run,
        special=config.data.max_length - most,
        pad_id=tokenizer.pad_token_id,
        seed=seed,
        **process_share(),
    )
    assert isinstance(given.prepared.task, PredictsTokens)
    term = JSPairing(settings.weight, given.prepared.task, tuple(sorted(names)))
    about = {"refused": refused, "js_pairing": {"pairs": len(pairs), "of": len(found), "names_left_out": len(names)}}
    return Penalty(term, batches, about, passes=1)


def _asked(given: Given) -> tuple[float, int, int]:
    """The share of a text's tokens that are asked for at once, how many neighbours together, and how many at most.

    As in training: what is masked or taken out is missing from the context too.
    """
    task, places = given.config.task, given.config.safety.penalties.js_pairing.places
    if task.kind == "masked-lm":
        return task.mask_probability, 1, places
    if task.kind == "causal-lm":
        return 1.0, 1, places
    # A sentinel for each run, however few the tokenizer has.
    return task.noise_density, round(task.mean_span), min(places, len(sentinel_ids(given.tokenizer)))


def _paragraphs(rows: Sequence[Row]) -> Iterator[tuple[str, str]]:
    """Paragraphs (lines) of the rows: a swap of a name says nothing of how another paragraph would go on."""
    for row in rows:
        for number, text in enumerate(row.text.split("\n")):
            if text.strip():
                yield f"{row.id}/{number}", text

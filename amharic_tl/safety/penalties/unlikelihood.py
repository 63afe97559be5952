"""Unlikelihood of traits: whichever group is named, a language model is not to say a word of the pack's traits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np

from amharic_tl.data.batches import BatchPlan, HostBatch, PlannedBatches
from amharic_tl.errors import BadInputError
from amharic_tl.safety.penalties.asked import Asked, field_lengths, make_ask, room, rows_of, stacked
from amharic_tl.safety.penalties.given import Given, Penalty
from amharic_tl.safety.penalties.penalty_families import penalty_panels
from amharic_tl.safety.scoring.tokens import ScoredText, tokenize
from amharic_tl.safety.unlikelihood import unlikelihood
from amharic_tl.tasks.base import Batch, PredictsTokens
from amharic_tl.tasks.prepared import process_share
from amharic_tl.tasks.terms import Need, Part
from amharic_tl.tasks.token_losses import token_losses

LEAF = "safety.penalties.unlikelihood"
# Of the arrays that are rows of the model; see asked.rows_of.
ROWS = "trait_row_"


@dataclass(frozen=True)
class Unlikelihood:
    """Mean over sentences of ``-log(1 - p(c | context))`` (Welleck et al. 2020, equation 4) of a trait ``c``.

    With ``of="token"`` the summands are the tokens of the trait's word, each given those before it, as in the paper.
    With ``of="word"`` there is one, and p is the product over the word's tokens: a word of one token is the same
    either way, and of longer ones the second half is not unlearnt wherever the first half is harmless.

    Every sentence is read with every group in the same update, and words of both poles are penalised, so that neither a
    group nor a direction is singled out. Without dropout.

    Known failures: where no word is likely the value is nearly 0, however far apart groups are in log-odds, and in
    whichever direction; what is unlearnt here may be unlearnt everywhere.
    """

    weight: float
    task: PredictsTokens
    of: Literal["word", "token"] = "word"
    name: ClassVar[str] = "unlikelihood"
    needs: ClassVar[frozenset[Need]] = frozenset()

    def item_weights(self, batch: Batch) -> jax.Array:
        """1 for a sentence with a group, 0 for filler: ``[I, G]``."""
        return batch["trait_weights"]

    def value(self, part: Part) -> jax.Array:
        """The summed unlikelihood of the sentences: one more pass, over them."""
        rows = rows_of(part.batch, ROWS)
        head, hidden_RKH = self.task.predictions_at(part.outputs_of(rows), rows["places"])
        nats_RK, _ = token_losses(head, hidden_RKH, rows["tokens"])
        if self.of == "word":
            values_R = unlikelihood(-jnp.sum(nats_RK * rows["valid"], axis=-1))
        else:
            values_R = jnp.sum(unlikelihood(-nats_RK) * rows["valid"], axis=-1)
        return jnp.sum(values_R * part.batch["trait_weights"].reshape(-1))


@dataclass(frozen=True)
class TraitItem:
    """A sentence and a word, tokenised with each group's name: rows in the order of the groups."""

    axis: str
    rows: tuple[Asked, ...] = field(repr=False)


class TraitBatches(PlannedBatches):
    """Items by step, each with every group: ``trait_row_*`` arrays ``[I, G, length]`` and ``trait_weights [I, G]``
    float32, as of :class:`~amharic_tl.safety.penalties.aligned.AlignedPairBatches`. One shape for all steps."""

    def __init__(
        self,
        items: Sequence[TraitItem],
        kind: str,
        *,
        size: int,
        pad_id: int,
        seed: int,
        process_index: int = 0,
        process_count: int = 1,
    ) -> None:
        """Plans ``items``, ``size`` an update over the whole mesh; axes of fewer groups are filled up."""
        rows = [row for item in items for row in item.rows]
        longest = max(len(row.fields["input_ids"]) for row in rows)
        self._groups = max(len(item.rows) for item in items)
        self._asked = max(len(row.places) for row in rows)
        plan = BatchPlan(np.full(len(items), longest), size, seed, longest, max_buckets=1)
        super().__init__(plan, process_index, process_count)
        self._items, self._kind, self._pad = items, kind, pad_id

    def _made(self, rows: np.ndarray, length: int, step: int) -> HostBatch:
        """Filler weighs 0."""
        del step
        asked: list[Asked | None] = []
        for item in rows:
            of_item = list(self._items[item].rows) if item >= 0 else []
            asked += [*of_item, *[None] * (self._groups - len(of_item))]
        lengths = field_lengths(self._kind, length, self._asked)
        made = stacked(asked, lengths, self._asked, self._pad, self._kind)
        shape = len(rows), self._groups
        weights = np.asarray([one is not None for one in asked], np.float32).reshape(shape)
        of_items = {f"{ROWS}{name}": array.reshape(*shape, -1) for name, array in made.items()}
        return {**of_items, "trait_weights": weights}


def build(given: Given) -> Penalty:
    """The associations of the pack's families that are set apart for penalties. Their texts exist in memory alone.

    Raises:
      ConfigError: devices and microbatches cannot share the sentences evenly.
      BadInputError: no family may be used; a sentence is longer than rows are; or there is nothing to ask.
    """
    config, settings = given.config, given.config.safety.penalties.unlikelihood
    given.check_divides(f"{LEAF}.items", settings.items, "sentences")
    items, left_out = _items(given)
    if not items:
        raise BadInputError(
            f"config.{LEAF}: no family of the split penalty on {', '.join(given.operator.axes)} has a trait that can "
            f"be asked of a {config.task.kind}: the word behind the name, and every name known to the tokenizer "
            f"({left_out} were left out); set the weight to 0, or choose other axes"
        )
    batches = TraitBatches(
        items,
        config.task.kind,
        size=settings.items,
        pad_id=given.tokenizer.pad_token_id,
        seed=config.train.seed,
        **process_share(),
    )
    assert isinstance(given.prepared.task, PredictsTokens)
    about = {"unlikelihood": {"sentences": len(items), "left_out": left_out}}
    return Penalty(Unlikelihood(settings.weight, given.prepared.task, settings.of), batches, about, passes=1)


def _items(given: Given) -> tuple[list[TraitItem], int]:
    """What is penalised, and how many sentences cannot be: those whose word a causal model reads before the name, and
    those with an unknown token in a word or a name, which then is any word."""
    tokenizer, kind = given.tokenizer, given.config.task.kind
    ask, most = make_ask(kind, tokenizer), room(tokenizer, given.config.data.max_length)
    found: list[TraitItem] = []
    left_out = 0
    for axis, texts in _sentences(given):
        tokens = tokenize(tokenizer, texts)
        longest = max(len(of.ids) for of in tokens)
        if longest > most:
            raise BadInputError(
                f"config.{LEAF}: a sentence of the culture pack has {longest} tokens, and config.data.max_length "
                f"leaves {most}; nothing is cut"
            )
        begun = {of.ids[: of.inside[0]] for of in tokens}
        in_context = kind != "causal-lm" or len(begun) == len(tokens)
        known = tokenizer.unk_token_id is None or not any(tokenizer.unk_token_id in of.ids for of in tokens)
        if in_context and known:
            found.append(TraitItem(axis, tuple(ask(of.ids, of.inside) for of in tokens)))
        else:
            left_out += 1
    return found, left_out


def _sentences(given: Given) -> Iterator[tuple[str, list[ScoredText]]]:
    """Each wording with each word of either pole, once with every group; and the axis of these groups."""
    for panel in penalty_panels(given, LEAF):
        for family in panel.families:
            if family.kind != "association":
                continue
            together: dict[tuple[Any, ...], list[ScoredText]] = {}
            for one in panel.filled(family):
                if one.role in ("high", "low"):
                    same = together.setdefault((one.wording, one.pair, one.role), [])
                    same.append(ScoredText(one.text, one.span))
            yield from ((panel.axis, texts) for texts in together.values())

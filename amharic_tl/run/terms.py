"""What a run adds to its task's loss for the sake of transfer: regularisers, and alignment with target rows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from amharic_tl.config import Config
from amharic_tl.data.batches import BatchSource
from amharic_tl.data.long_text import KEEP
from amharic_tl.data.rows import Columns, Source
from amharic_tl.data.sources import read_source
from amharic_tl.data.splits import Splits
from amharic_tl.data.targets import TargetBatches
from amharic_tl.data.tokenizer import encode
from amharic_tl.distributed.mesh import batch_shards
from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.evaluation.baselines import logistic, tfidf_predictions
from amharic_tl.evaluation.label_shift import label_shift, shift_sentences
from amharic_tl.models.registry import family_of
from amharic_tl.tasks.base import forward
from amharic_tl.tasks.prepared import Prepared, process_share
from amharic_tl.tasks.terms import Term
from amharic_tl.transfer.alignment import alignment_terms
from amharic_tl.transfer.regularizers import regularizers


@dataclass(frozen=True)
class TransferTerms:
    """The terms, the batches that they need beside the training rows, what data.json says, and sentences."""

    terms: tuple[Term, ...] = ()
    batches: BatchSource | None = None
    about: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def transfer_terms(
    config: Config, splits: Splits, prepared: Prepared, tokenizer: Any, model: Any, mesh: Mesh
) -> TransferTerms:
    """The terms whose weight is above 0.

    Raises:
      ConfigError: R-Drop on a model without dropout; target rows that cannot be split over the devices.
      BadInputError: labels shift towards the target rows, and ``despite_label_shift`` is not set.
      AmharicTLError: the target rows cannot be read.
    """
    _check_dropout(config, prepared, model)
    new = frozenset(model.load_report.newly_initialised)
    terms: tuple[Term, ...] = regularizers(config.transfer.regularizers, prepared.task, new)
    notes = _notes(config, new, model)
    aligned = alignment_terms(config.transfer.alignment)
    if not aligned:
        return TransferTerms(terms, notes=notes)
    target = read_target(config)
    about, said = _guard(config, splits, target)
    batches = _target_batches(config, target, tokenizer, mesh)
    return TransferTerms((*terms, *aligned), batches, about, (*notes, *said))


def decays_towards_zero(config: Config) -> float:
    """The weight decay of a run: none beside L2-SP, which pulls the same parameters elsewhere."""
    return 0.0 if config.transfer.regularizers.l2_sp.weight else config.optim.weight_decay


def read_target(config: Config) -> Source:
    """The target rows: their texts alone, whatever other columns there are."""
    data, spec = config.data, config.transfer.alignment.data
    assert spec is not None
    return read_source(spec, Columns(data.text, None, data.columns), data.format, data.quoting)


def _check_dropout(config: Config, prepared: Prepared, model: Any) -> None:
    """Without any dropout both passes of R-Drop are the same, and it does nothing without a word."""
    if not config.transfer.regularizers.r_drop.weight:
        return
    task, batch = prepared.task, jax.tree.map(jnp.asarray, prepared.train[0])
    traced = jax.make_jaxpr(lambda key: task.loss(forward(task, model, batch, key), batch))(jax.random.key(0))
    if "random_bits" not in str(traced):
        raise ConfigError(
            f"config.transfer.regularizers.r_drop.weight: {config.model.path} has no dropout, so that both passes are "
            "the same; set config.model.dropout=0.1"
        )


def _notes(config: Config, new: frozenset[str], model: Any) -> tuple[str, ...]:
    head = family_of(model.hf_config, "config").classifier
    if not any(re.fullmatch(head, name) for name in new):
        return ()
    kept = {
        "transfer.regularizers.base_kl": config.transfer.regularizers.base_kl.weight,
        "safety.penalties.retention": config.safety.penalties.retention.weight,
    }
    return tuple(
        f"{name}: the head was drawn anew, so that the base predicts nearly the same for every text; the term "
        "discourages certainty and retains nothing"
        for name, weight in kept.items()
        if weight
    )


def _guard(config: Config, splits: Splits, target: Source) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What is known of the target before training: whether labels shift, as the TF-IDF line sees it.

    Raises:
      BadInputError: they do, and the config does not say to align all the same.
    """
    about: dict[str, Any] = {
        "source": target.spec,
        "rows": len(target.rows),
        "fingerprint": hashlib.sha256("\x00".join(row.text for row in target.rows).encode()).hexdigest(),
    }
    if splits.problem != "single-label":
        return about, (f"whether labels shift is not measured for {splits.problem}: aligning is wrong where they do",)
    found = shift_of_texts(splits, [row.text for row in target.rows], config.train.seed)
    about["label_shift"] = found
    said = "\n".join(shift_sentences(found, target.spec))
    if found["state"] == "insufficient":
        return about, (said, "aligning features is wrong where labels shift: make sure that they do not")
    if found["state"] == "not seen":
        return about, (said,)
    warning = "aligning features is wrong where labels shift: it makes the classes' shares alike too (Zhao et al. 2019)"
    if not config.transfer.alignment.despite_label_shift:
        raise BadInputError(
            f"config.transfer.alignment: {said}\n{warning}. Correct the predictions for the shift instead: train "
            "without alignment, then amharic-tl label-shift WORKDIR. To align all the same: "
            "--config.transfer.alignment.despite_label_shift=true"
        )
    return about, (said, warning)


def shift_of_texts(splits: Splits, target: Sequence[str], seed: int) -> dict[str, Any]:
    """The shift from the training rows to unlabelled texts, by a TF-IDF line whose mistakes on validation are known."""
    labels = splits.label_ids(splits.train)
    held_out = splits.label_ids(splits.validation)
    texts = {"train": [row.text for row in splits.train.rows], "target": list(target)}
    texts["validation"] = [row.text for row in splits.validation.rows]
    counts = np.bincount(labels, minlength=len(splits.labels))
    try:
        predicted = tfidf_predictions(texts, labels, ["validation", "target"], logistic())
    except ValueError as error:  # texts of single letters, say, have no n-grams
        return {"state": "insufficient", "reason": str(error)}
    return label_shift(splits.labels, counts, held_out, predicted["validation"], predicted["target"], seed=seed) | {
        "classifier": "TF-IDF with logistic regression"
    }


def _target_batches(config: Config, target: Source, tokenizer: Any, mesh: Mesh) -> TargetBatches:
    train, rows = config.train, config.transfer.alignment.rows or config.train.batch_size
    parts = train.batch_size // (train.microbatch or train.batch_size)
    unit = parts * batch_shards(mesh)
    if rows % unit:
        raise ConfigError(
            f"config.transfer.alignment.rows: {rows} rows cannot be split over {batch_shards(mesh)} devices (mesh data "
            f"x fsdp) and {parts} microbatches; choose a multiple of {unit}"
        )
    texts = [row.text for row in target.rows]
    ids = encode(tokenizer, texts, config.data.max_length, keep=KEEP[config.data.long_text]).ids
    return TargetBatches(ids, rows, tokenizer.pad_token_id, train.seed, config.data.max_length, **process_share())

"""Leaves of regularisers and alignment that do not fit the rest, as sentences."""

from __future__ import annotations

from amharic_tl.config.figures import called
from amharic_tl.config.schema import Config


def term_checks(config: Config) -> list[str]:
    """Sentences, none where all fits."""
    return [*_regularizer_checks(config), *_alignment_checks(config)]


def _regularizer_checks(config: Config) -> list[str]:
    of, problems = config.transfer.regularizers, []
    for name, weight in (("r_drop", of.r_drop.weight), ("base_kl", of.base_kl.weight)):
        if weight and called(config.task) == "regression":
            problems.append(
                f"config.transfer.regularizers.{name}.weight: regression predicts no distribution to compare; use 0"
            )
    if of.r_drop.weight and config.model.dropout == 0.0:
        problems.append(
            "config.transfer.regularizers.r_drop.weight: without dropout (config.model.dropout=0) both passes are the "
            "same; allow some"
        )
    if config.model.initialise == "random":
        problems += [
            f"config.transfer.{name}: a model drawn at random (config.model.initialise) has no base; use 0"
            for name, value in (
                ("regularizers.l2_sp.weight", of.l2_sp.weight),
                ("regularizers.base_kl.weight", of.base_kl.weight),
                ("reinitialise_layers", config.transfer.reinitialise_layers),
            )
            if value
        ]
    return problems


def _alignment_checks(config: Config) -> list[str]:
    alignment, train, problems = config.transfer.alignment, config.train, []
    on = [name for name in ("coral", "mmd") if getattr(alignment, name).weight]
    if not on:
        given = {"data": alignment.data, "rows": alignment.rows, "despite_label_shift": alignment.despite_label_shift}
        return [
            f"config.transfer.alignment.{name} is set, but config.transfer.alignment.coral.weight and mmd.weight are 0"
            for name, value in given.items()
            if value
        ]
    if alignment.data is None:
        problems.append(
            f"config.transfer.alignment.{on[0]}.weight: name target rows with config.transfer.alignment.data"
        )
    if config.task.kind != "sequence-classification":
        problems.append(
            f"config.transfer.alignment.{on[0]}.weight: {config.task.kind} has no features of a text; use 0"
        )
    if config.data.long_text == "windows":
        problems.append("config.transfer.alignment: windows of a text are no rows to align; use truncate or head-tail")
    parts = train.batch_size // (train.microbatch or train.batch_size)
    if alignment.rows is not None and alignment.rows % parts:
        problems.append(
            f"config.transfer.alignment.rows: {alignment.rows} cannot be divided over the {parts} microbatches of an "
            "update"
        )
    return problems

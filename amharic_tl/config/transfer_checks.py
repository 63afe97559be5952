"""Leaves of ``transfer`` that do not fit each other, or the task, as sentences."""

from __future__ import annotations

import dataclasses
import re

from amharic_tl.config.moments import parse_moment
from amharic_tl.config.schema import Config
from amharic_tl.config.transfer import TransferConfig

# Leaves that only some methods read.
READ_BY = {
    "trainable_layers": ("top-layers",),
    "rules": ("rules",),
    "stage_length": ("lp-ft", "gradual", "embeddings-first"),
    "thaw_warmup": ("lp-ft", "gradual", "embeddings-first", "plateau", "rules"),
    "groups": ("gradual", "plateau"),
    "group_decay": ("gradual", "plateau"),
    "thaw_patience": ("plateau",),
    "thaw_smoothing": ("plateau",),
    "thaw_delta": ("plateau",),
    "blocks": ("surgical",),
    "auto_blocks": ("surgical",),
    "auto_batches": ("surgical",),
    "feature_bytes": ("lp-ft",),
}


def transfer_checks(config: Config) -> list[str]:
    """Sentences on what does not fit together."""
    transfer = config.transfer
    problems = [*_unread(transfer), *_missing(transfer), *_lengths(transfer)]
    labelled = ("sequence-classification", "token-classification")
    if transfer.method == "lp-ft" and config.task.kind not in labelled:
        problems.append(
            f"config.transfer.method: lp-ft trains a classifier's head first, and {config.task.kind} has none; use full"
        )
    return problems


def _unread(transfer: TransferConfig) -> list[str]:
    defaults = {item.name: item.default for item in dataclasses.fields(transfer)}
    return [
        f"config.transfer.{name} is set, but config.transfer.method is {transfer.method!r}; "
        f"use config.transfer.method={' or '.join(methods)}"
        for name, methods in READ_BY.items()
        if getattr(transfer, name) != defaults[name] and transfer.method not in methods
    ]


def _missing(transfer: TransferConfig) -> list[str]:
    problems = []
    if transfer.method == "top-layers" and transfer.trainable_layers is None:
        problems.append("config.transfer.method is top-layers; say how many with config.transfer.trainable_layers")
    if transfer.method == "rules" and transfer.rules is None:
        problems.append(
            "config.transfer.method is rules; write them as config.transfer.rules='.*embeddings.* frozen; .* rate=0.5'"
        )
    if transfer.method == "surgical" and not re.fullmatch(r"auto|embeddings|\d+(-\d+)?", transfer.blocks):
        problems.append(f"config.transfer.blocks: expected 3, 0-2, embeddings or auto, found {transfer.blocks!r}")
    if transfer.method == "surgical" and transfer.blocks != "auto" and transfer.auto_blocks != 1:
        problems.append("config.transfer.auto_blocks is set, but config.transfer.blocks is not auto")
    return problems


def _lengths(transfer: TransferConfig) -> list[str]:
    problems = []
    try:
        if parse_moment(transfer.stage_length).value == 0:
            problems.append("config.transfer.stage_length: a stage lasts longer than 0")
    except ValueError as error:
        problems.append(f"config.transfer.stage_length: {error}")
    warmup = transfer.thaw_warmup
    if warmup >= 1 and warmup != int(warmup):
        problems.append(f"config.transfer.thaw_warmup: {warmup:g} is neither a share below 1 nor a number of steps")
    return problems

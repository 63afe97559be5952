"""Leaves of ``config.optim`` that do not fit together, as sentences."""

from __future__ import annotations

import dataclasses

from amharic_tl.config.optim import OptimConfig

# Leaves of OptimConfig itself that not every choice reads: (leaf, what chooses, the choices that read it).
_READ_BY = (
    *((leaf, "name", ("adamw", "muon")) for leaf in ("beta1", "beta2", "epsilon")),
    ("momentum_dtype", "name", ("adamw", "lion", "muon")),
    ("floor", "schedule", ("linear", "cosine", "warmup-stable-decay")),
)
# Sections that one choice alone reads.
_SECTIONS = (
    *((name, "name", name) for name in ("adafactor", "lion", "muon")),
    *((name.replace("-", "_"), "schedule", name) for name in ("slanted-triangular", "warmup-stable-decay")),
)


def optim_checks(optim: OptimConfig) -> list[str]:
    """A leaf set to other than its default that the chosen optimiser or schedule does not read; lengths that no run
    can have.
    """
    problems = [
        _unread(name, getattr(optim, chooses), chooses, readers)
        for name, chooses, readers in _READ_BY
        if getattr(optim, chooses) not in readers and getattr(optim, name) != _default(optim, name)
    ]
    for section, chooses, reader in _SECTIONS:
        settings = getattr(optim, section)
        if getattr(optim, chooses) == reader:
            continue
        problems += [
            _unread(f"{section}.{item.name}", getattr(optim, chooses), chooses, (reader,))
            for item in dataclasses.fields(settings)
            if getattr(settings, item.name) != _default(settings, item.name)
        ]
    for name, length in (
        ("warmup", optim.warmup),
        ("warmup_stable_decay.cooldown", optim.warmup_stable_decay.cooldown),
    ):
        if length >= 1 and length != int(length):
            problems.append(f"config.optim.{name}: {length:g} is neither a share below 1 nor a number of steps")
    shares = optim.warmup + optim.warmup_stable_decay.cooldown
    if optim.schedule == "warmup-stable-decay" and optim.warmup < 1 > optim.warmup_stable_decay.cooldown and shares > 1:
        problems.append(
            f"config.optim.warmup ({optim.warmup:g}) and config.optim.warmup_stable_decay.cooldown "
            f"({optim.warmup_stable_decay.cooldown:g}) are more than the whole run"
        )
    return problems


def _default(settings: object, name: str) -> object:
    return next(item.default for item in dataclasses.fields(settings) if item.name == name)  # type: ignore[arg-type]


def _unread(leaf: str, choice: str, chooses: str, readers: tuple[str, ...]) -> str:
    return (
        f"config.optim.{leaf} is set, but config.optim.{chooses} is {choice!r}, which does not read it "
        f"({' and '.join(readers)} {'do' if len(readers) > 1 else 'does'}); take it out"
    )

"""Leaves about adapters that do not fit together, as sentences."""

from __future__ import annotations

import dataclasses

from amharic_tl.config.adapters import AdaptersConfig
from amharic_tl.config.schema import Config

# What a loaded adapter brings along; its dropout may be set anew.
OF_THE_ADAPTER = ("rank", "alpha", "scaling", "targets", "modules_to_save")


def adapter_checks(config: Config) -> list[str]:
    """Adapters that nothing would read, or that have nothing to stand on."""
    problems = []
    if config.transfer.method != "lora":
        problems += [
            f"config.transfer.adapters.{name} is set, but config.transfer.method is {config.transfer.method!r}; use "
            "config.transfer.method=lora"
            for name in leaves_set(config.transfer.adapters)
        ]
    elif config.model.adapter is not None:
        problems += clashes(config.transfer.adapters, config.model.adapter)
    if config.model.initialise == "random":
        if config.transfer.method == "lora":
            problems.append(
                "config.transfer.method: lora adapts pretrained weights; use config.model.initialise=pretrained"
            )
        if config.model.adapter is not None:
            problems.append(
                "config.model.adapter: it belongs to pretrained weights; use config.model.initialise=pretrained"
            )
    return problems


def leaves_set(adapters: AdaptersConfig) -> list[str]:
    """The leaves that the user set."""
    return [item.name for item in dataclasses.fields(adapters) if getattr(adapters, item.name) is not None]


def clashes(adapters: AdaptersConfig, loaded: str) -> list[str]:
    """Leaves that the loaded adapter has decided already, as sentences."""
    return [
        f"config.transfer.adapters.{name} is set, but the adapter {loaded} goes on training and has its own; use none"
        for name in leaves_set(adapters)
        if name in OF_THE_ADAPTER
    ]

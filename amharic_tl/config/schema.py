"""One run, whole: every leaf a user can set."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from amharic_tl.config.adapt import AdaptConfig
from amharic_tl.config.data import DataConfig
from amharic_tl.config.machine import MeshConfig, OutputConfig
from amharic_tl.config.model import ModelConfig
from amharic_tl.config.optim import OptimConfig
from amharic_tl.config.safety import SafetyConfig
from amharic_tl.config.task import TaskConfig
from amharic_tl.config.train import TrainConfig
from amharic_tl.config.transfer import TransferConfig


@dataclass(frozen=True)
class Config:
    """One run, whole. Leaves are typed as in ``amharic-tl train --help``."""

    model: ModelConfig = field(default_factory=ModelConfig)
    task: TaskConfig = field(default_factory=TaskConfig)
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    transfer: TransferConfig = field(default_factory=TransferConfig)
    adapt: AdaptConfig = field(default_factory=AdaptConfig)
    safety: SafetyConfig = field(default_factory=SafetyConfig)
    mesh: MeshConfig = field(default_factory=MeshConfig)
    output: OutputConfig = field(default_factory=OutputConfig)


def leaves(config: Any = Config, prefix: str = "") -> Iterator[tuple[str, dataclasses.Field[Any], Any]]:
    """Yields ``(dotted name, field, annotated type)`` of every leaf of a config class."""
    hints = typing.get_type_hints(config)
    for item in dataclasses.fields(config):
        kind = hints[item.name]
        if dataclasses.is_dataclass(kind):
            yield from leaves(kind, f"{prefix}{item.name}.")
        else:
            yield f"{prefix}{item.name}", item, kind


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mapping (dict or ConfigDict) to ``{dotted name: value}``."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) or hasattr(value, "to_dict"):
            flat.update(flatten(value if isinstance(value, Mapping) else value.to_dict(), f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def to_dict(config: Config) -> dict[str, Any]:
    """The config as plain nested dicts, ready for JSON. Tuples become lists there."""
    return dataclasses.asdict(config)

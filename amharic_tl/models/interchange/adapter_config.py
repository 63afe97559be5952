"""An adapter_config.json, as the PEFT library writes it: what is read of it, and what is refused by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amharic_tl.errors import BadInputError, MissingInputError, name_some
from amharic_tl.models.adapters.low_rank import LoraSettings, Scaling
from amharic_tl.records.files import read_object

NAME = "adapter_config.json"
# PEFT's word for a task, by ours; it has none for masked language models.
TASK_TYPES = {
    "sequence-classification": "SEQ_CLS",
    "token-classification": "TOKEN_CLS",
    "causal-lm": "CAUSAL_LM",
    "seq2seq-lm": "SEQ_2_SEQ_LM",
    None: "FEATURE_EXTRACTION",
}
# Read here, or without effect on what a trained adapter computes.
_READ = {
    "peft_type", "task_type", "base_model_name_or_path", "revision", "r", "lora_alpha", "lora_dropout", "use_rslora",
    "rank_pattern", "alpha_pattern", "modules_to_save", "init_lora_weights", "target_modules", "bias",
}  # fmt: skip
_WITHOUT_EFFECT = {
    "auto_mapping", "peft_version", "inference_mode", "exclude_modules", "fan_in_fan_out", "layers_to_transform",
    "layers_pattern", "megatron_core", "runtime_config", "loftq_config", "eva_config", "corda_config",
    "lora_ga_config", "qalora_group_size", "ensure_weight_tying",
}  # fmt: skip
# Ways to draw A and B that leave the base as it is; the others (PiSSA, OLoRA, CorDA, LoftQ, ...) change its weights.
_INITIAL = (True, False, None, "gaussian", "eva", "orthogonal")


@dataclass(frozen=True)
class AdapterConfig:
    """What an adapter_config.json says.

    Attributes:
      where: the file, for messages.
      base: what the base is called; None where the file does not say.
      revision: of the base on a hub; None for the newest.
      task: of this package; None where the file does not say, or says one that is not known here.
      settings: of modules that no pattern names.
      ranks: patterns of module names, and their ranks.
      alphas: patterns of module names, and their alphas.
      modules_to_save: last parts of the names of modules that are saved whole.
    """

    where: str
    base: str | None
    revision: str | None
    task: str | None
    settings: LoraSettings
    ranks: Mapping[str, int] = field(default_factory=dict)
    alphas: Mapping[str, float] = field(default_factory=dict)
    modules_to_save: tuple[str, ...] = ()

    def of(self, module: str) -> LoraSettings:
        """The settings of one module, by its canonical name."""
        rank = _by_pattern(self.ranks, module, self.settings.rank)
        alpha = _by_pattern(self.alphas, module, self.settings.alpha)
        return LoraSettings(int(rank), float(alpha), self.settings.scaling, self.settings.dropout)


def _by_pattern(patterns: Mapping[str, float], module: str, otherwise: float) -> float:
    """The value of the first pattern that matches a name, or its last parts, as PEFT has it."""
    return next((value for key, value in patterns.items() if re.fullmatch(rf"(.*\.)?({key})", module)), otherwise)


def read_adapter_config(folder: Path) -> AdapterConfig:
    """Reads ``folder/adapter_config.json``.

    Raises:
      MissingInputError: there is none.
      BadInputError: it is malformed, or asks for what is not supported here, which is named.
    """
    where = folder / NAME
    if not where.is_file():
        there = name_some(sorted(path.name for path in folder.iterdir())) or "nothing"
        raise MissingInputError(f"{folder} holds no adapter: expected {NAME}, found {there}")
    found = read_object(where)
    kind = found.get("peft_type")
    if kind != "LORA":
        raise BadInputError(f"{where}: peft_type is {kind!r}; expected 'LORA', the kind of adapter that is read here")
    _refuse_unsupported(found, where)
    read = _Reader(found, where)
    task = found.get("task_type")
    scaling: Scaling = "rslora" if read.truth("use_rslora") else "lora"
    modules = read.texts("modules_to_save")
    return AdapterConfig(
        where=str(where),
        base=read.text("base_model_name_or_path"),
        revision=read.text("revision"),
        task=next((ours for ours, theirs in TASK_TYPES.items() if theirs == task), None),
        settings=LoraSettings(
            int(read.number("r", 8, whole=True)),
            read.number("lora_alpha", 8),
            scaling,
            read.number("lora_dropout", 0.0, below=1.0),
        ),
        ranks={key: int(value) for key, value in read.patterns("rank_pattern", whole=True).items()},
        alphas=read.patterns("alpha_pattern"),
        modules_to_save=modules,
    )


def _refuse_unsupported(found: Mapping[str, Any], where: Path) -> None:
    """Refuses whatever would make the adapter compute something else than A and B do."""
    wrong = [
        f"{name}={value!r}"
        for name, value in found.items()
        if name not in _READ | _WITHOUT_EFFECT and value not in (None, False) and value != {} and value != []
    ]
    if found.get("bias", "none") != "none":
        wrong.append(f"bias={found['bias']!r}")
    initial = found.get("init_lora_weights", True)
    if not any(initial is known or (isinstance(known, str) and initial == known) for known in _INITIAL):
        wrong.append(f"init_lora_weights={initial!r} (it changes the weights of the base)")
    if wrong:
        raise BadInputError(
            f"{where} asks for what is not supported here: {name_some(wrong)}. Plain LoRA and rsLoRA are read, with "
            "rank_pattern, alpha_pattern and modules_to_save; merge other adapters with PEFT (merge_and_unload) first"
        )


class _Reader:
    """Values of the file, each checked as it is read."""

    def __init__(self, found: Mapping[str, Any], where: Path) -> None:
        self.found, self.where = found, where

    def _wrong(self, key: str, expected: str) -> BadInputError:
        return BadInputError(f"{self.where}: {key}: expected {expected}, found {str(self.found.get(key))[:100]!r}")

    def truth(self, key: str) -> bool:
        value = self.found.get(key)
        if value is not None and not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return bool(value)

    def text(self, key: str) -> str | None:
        value = self.found.get(key)
        if value is not None and not isinstance(value, str):
            raise self._wrong(key, "a text")
        return value or None

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.found.get(key) or []
        if not isinstance(value, list) or not all(isinstance(part, str) and part for part in value):
            raise self._wrong(key, "a list of texts")
        return tuple(value)

    def number(self, key: str, default: float, *, whole: bool = False, below: float = float("inf")) -> float:
        value = self.found.get(key, default)
        fits = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not fits or not (1 if whole else 0) <= value < below:
            expected = "a whole number of at least 1" if whole else "a number of at least 0"
            raise self._wrong(key, expected + (f" and below {below:g}" if below < float("inf") else ""))
        return float(value)

    def patterns(self, key: str, *, whole: bool = False) -> dict[str, float]:
        value = self.found.get(key) or {}
        if not isinstance(value, dict):
            raise self._wrong(key, "an object of patterns to numbers")
        for pattern in value:
            try:
                re.compile(pattern)
            except re.error as error:
                raise BadInputError(f"{self.where}: {key}: {pattern!r} is not a regular expression: {error}") from None
        inner = _Reader(value, Path(f"{self.where}: {key}"))
        return {pattern: inner.number(pattern, 0, whole=whole) for pattern in value}

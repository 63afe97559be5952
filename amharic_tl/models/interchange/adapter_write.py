"""Writing the adapters of a model as the PEFT library does, so that it loads them."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from amharic_tl.errors import ConfigError, name_some
from amharic_tl.models.adapters.adapt import Adaptation, is_saved_whole
from amharic_tl.models.adapters.low_rank import DOWN, UP, LoraSettings
from amharic_tl.models.adapters.places import adapters_of, linear_places, modules_of
from amharic_tl.models.family import Family
from amharic_tl.models.interchange import adapter_config
from amharic_tl.models.interchange.adapter_folder import PREFIX, SAFETENSORS, holds_model
from amharic_tl.models.interchange.locate import BUNDLED
from amharic_tl.models.interchange.safetensors_writer import write_safetensors
from amharic_tl.models.naming import named_parameters
from amharic_tl.models.registry import family_of
from amharic_tl.records.files import replacing, write_json

_GENERATING = ("masked-lm", "causal-lm", "seq2seq-lm")


def save_adapter(model: Any, folder: Path, dtype: str | None = None) -> None:
    """Writes ``adapter_model.safetensors``, ``config.json`` (task and classes) and ``adapter_config.json``.

    Args:
      model: with adapters.
      folder: there already.
      dtype: of the written weights; None keeps each parameter's own.

    Raises:
      ConfigError: the model has no adapters, or PEFT could not load them (:func:`obstacle`).
    """
    reason = obstacle(model)
    if reason is not None:
        raise ConfigError(f"the adapter cannot be written in PEFT's format: {reason}")
    if holds_model(folder):
        raise ConfigError(f"{folder} holds a whole model, which would be taken for the adapter's; choose another place")
    settings = {name: adapter.settings for name, adapter in adapters_of(model).items()}
    saved = model.adaptation.modules_to_save
    views = [
        dataclasses.replace(view, name=f"{PREFIX}{name}")
        for name, view in named_parameters(model).items()
        if name.endswith((f".{DOWN}", f".{UP}")) or is_saved_whole(name, saved)
    ]
    with replacing(folder / SAFETENSORS) as file:
        write_safetensors(file, views, dtype)
    write_json(folder / "config.json", dict(model.hf_config))
    # The last file says that the directory is whole.
    write_json(folder / adapter_config.NAME, _described(model, settings))


def obstacle(model: Any) -> str | None:
    """Why the adapters of a model cannot be written so that PEFT computes the same with them; None where they can."""
    settings = [adapter.settings for adapter in adapters_of(model).values()]
    if not settings:
        return "the model has no adapters"
    if len({each.scaling for each in settings}) > 1 or len({each.dropout for each in settings}) > 1:
        return "its adapters differ in scaling or dropout, for which PEFT has one value"
    family, names = family_of(model.hf_config, "config"), named_parameters(model)
    words = {family.word_table, family.prefix + family.word_table}
    shared = [word for word in words if word in names and is_saved_whole(word, model.adaptation.modules_to_save)]
    if shared and _is_tied(model, family, names):
        return f"{shared[0]} trains whole and is the output table too; PEFT would train one copy of it"
    return None


def _is_tied(model: Any, family: Family, names: Mapping[str, Any]) -> bool:
    """Whether the word table serves elsewhere in the model as well."""
    used = [table for table in family.tied_tables if not table.is_output or model.task in _GENERATING]
    return any(table.name not in names and family.prefix + table.name not in names for table in used)


def _described(model: Any, settings: Mapping[str, LoraSettings]) -> dict[str, Any]:
    about: Adaptation = model.adaptation
    (rank, alpha), _ = Counter((each.rank, each.alpha) for each in settings.values()).most_common(1)[0]
    first = next(iter(settings.values()))
    places = linear_places(model)
    task = adapter_config.TASK_TYPES.get(model.task)
    modules = modules_of([name for name in named_parameters(model) if not name.endswith((DOWN, UP))])
    return {
        "peft_type": "LORA",
        "task_type": task,
        "auto_mapping": None if task else _class_of(model),
        "base_model_name_or_path": _base(about.base),
        "revision": about.revision,
        "inference_mode": True,
        "r": rank,
        "lora_alpha": _number(alpha),
        "lora_dropout": first.dropout,
        "use_rslora": first.scaling == "rslora",
        "target_modules": shortest_names(list(settings), modules),
        "modules_to_save": list(about.modules_to_save) or None,
        "rank_pattern": {re.escape(name): each.rank for name, each in settings.items() if each.rank != rank},
        "alpha_pattern": {
            re.escape(name): _number(each.alpha) for name, each in settings.items() if each.alpha != alpha
        },
        "fan_in_fan_out": any(places[name].transposed for name in settings),
        "bias": "none",
        "use_dora": False,
        "init_lora_weights": True,
    }


def _number(value: float) -> float | int:
    return int(value) if value == int(value) else value


def _base(name: str | None) -> str | None:
    """What PEFT and others find the base by: a local directory by its absolute path."""
    if name is None or name in BUNDLED or not Path(name).expanduser().is_dir():
        return name
    return str(Path(name).expanduser().resolve())


def _class_of(model: Any) -> dict[str, str]:
    """The class that PEFT's AutoPeftModel takes where it has no word for the task."""
    kind = str(model.hf_config["model_type"]).replace("-", "_")
    return {
        "base_model_class": model.hf_config["architectures"][0],
        "parent_library": f"transformers.models.{kind}.modeling_{kind}",
    }


def shortest_names(wanted: Sequence[str], modules: Sequence[str]) -> list[str]:
    """Last parts of names by which PEFT finds the wanted modules and no other; whole names where none do.

    Args:
      wanted: some of ``modules``.
      modules: all of the model.
    """
    depth = max(name.count(".") for name in wanted) + 1
    for parts in range(1, depth + 1):
        endings = list(dict.fromkeys(".".join(name.split(".")[-parts:]) for name in wanted))
        found = [name for name in modules if any(f".{name}".endswith(f".{ending}") for ending in endings)]
        if set(found) == set(wanted):
            return endings
    raise ConfigError(f"the adapted modules are not told apart by their names: {name_some(wanted)}")

"""The adapters of a run: those that the config asks for, or those that were loaded."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import jax

from amharic_tl.config import Config
from amharic_tl.config.adapter_checks import clashes
from amharic_tl.errors import ConfigError, name_some
from amharic_tl.models.adapters.adapt import Adaptation, add_adapters, merged, with_dropout
from amharic_tl.models.adapters.low_rank import LoraSettings
from amharic_tl.models.adapters.places import (
    adapters_of,
    linear_places,
    match_linear,
    match_modules,
    whole_modules,
    widest,
)
from amharic_tl.models.naming import named_parameters
from amharic_tl.models.registry import family_of

RANK, ALPHA = 8, 16.0
LEAF = "config.transfer.adapters"


def adapted(config: Config, model: Any) -> Any:
    """The model that a run trains: with adapters where its method is lora, without where it is another.

    Adapters that were loaded go on training under lora, and are merged under the other methods.

    Raises:
      ConfigError: a pattern matches nothing, or leaves ask for other adapters than the loaded ones.
    """
    loaded, wanted = model.adaptation is not None, config.transfer.adapters
    if loaded and config.transfer.reinitialise_layers:
        raise ConfigError(
            "config.transfer.reinitialise_layers: what a loaded adapter changes cannot be drawn anew; use 0"
        )
    if config.transfer.method != "lora":
        return merged(model) if loaded else model
    if loaded:
        problems = clashes(wanted, config.model.adapter or config.model.path)
        if problems:
            raise ConfigError("; ".join(problems))
        # A head that the adapter did not bring along was drawn, and has to train.
        saved = widest([*model.adaptation.modules_to_save, *_saved_whole(config, model)])
        model.adaptation = replace(model.adaptation, modules_to_save=tuple(saved))
        return _checked(model if wanted.dropout is None else with_dropout(model, wanted.dropout))
    settings = LoraSettings(wanted.rank or RANK, wanted.alpha or ALPHA, wanted.scaling or "lora", wanted.dropout or 0.0)
    saved = _saved_whole(config, model)
    family = family_of(model.hf_config, "config.json")
    chosen = match_linear(model, wanted.targets or family.query_value, f"{LEAF}.targets")
    names = [name for name in chosen if not any(f"{name}.".startswith(f"{module}.") for module in saved)]
    if not names:
        raise ConfigError(f"{LEAF}.targets: all that they match trains whole already: {', '.join(saved)}")
    # A stream of its own beside those of the head's weights.
    key = jax.random.fold_in(jax.random.key(config.train.seed), 1)
    add_adapters(model, dict.fromkeys(names, settings), key, Adaptation(config.model.path, None, tuple(saved)))
    return _checked(model)


def _checked(model: Any) -> Any:
    """``model``, unless dropout is asked for where nothing would drop: the keys of a step reach blocks alone."""
    places = linear_places(model)
    silent = [
        name for name, adapter in adapters_of(model).items() if adapter.settings.dropout and places[name].layer is None
    ]
    if silent:
        raise ConfigError(f"{LEAF}.dropout: it reaches adapters inside blocks, and not {name_some(silent)}; use 0")
    return model


def _saved_whole(config: Config, model: Any) -> list[str]:
    """The head, whatever was drawn anew, and what the config names."""
    names = list(named_parameters(model))
    family = family_of(model.hf_config, "config.json")
    anew = set(model.load_report.newly_initialised)
    head = [name for name in names if name in anew or re.fullmatch(family.classifier, name)]
    further = config.transfer.adapters.modules_to_save
    return widest(
        [
            *whole_modules(head, names),
            *(match_modules(model, further, f"{LEAF}.modules_to_save") if further else []),
        ]
    )

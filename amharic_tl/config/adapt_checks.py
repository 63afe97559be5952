"""Leaves of ``adapt`` and of mixtures that do not fit together, as sentences."""

from __future__ import annotations

from amharic_tl.config.mixture import MixtureConfig
from amharic_tl.config.schema import Config


def adapt_checks(config: Config) -> list[str]:
    """Leaves of ``config.adapt`` and ``config.data.mixture`` that do not fit together, as sentences."""
    problems = [
        *_mixture("data.mixture", config.data.mixture),
        *_mixture("adapt.dapt.mixture", config.adapt.dapt.mixture),
    ]
    if config.data.mixture.is_set and config.data.folds is not None:
        problems.append("config.data.mixture: folds pool their rows; leave config.data.mixture at none")
    return [*problems, *_without_stage(config), *_stages(config)]


def _mixture(name: str, mixture: MixtureConfig) -> list[str]:
    if mixture.temperature is not None and mixture.weights is not None:
        return [f"config.{name}: temperature and weights both say the shares; set one of them"]
    if mixture.weights is not None and not all(weight > 0 for weight in mixture.weights):
        return [
            f"config.{name}.weights: expected numbers above 0, found {', '.join(f'{w:g}' for w in mixture.weights)}"
        ]
    return []


def _without_stage(config: Config) -> list[str]:
    """Leaves that nothing would read."""
    adapt, dapt = config.adapt, config.adapt.dapt
    problems = []
    if dapt.data is None:
        named = {name: getattr(dapt, name) for name in ("validation", "steps", "epochs")}
        named |= {"mixture": dapt.mixture.is_set or None}
        problems += [
            f"config.adapt.dapt.{name} is set, but config.adapt.dapt.data is none; name the text"
            for name, value in named.items()
            if value is not None
        ]
        if adapt.leave_out_test:
            problems.append("config.adapt.leave_out_test is set, but config.adapt.dapt.data is none; name the text")
    if not adapt.stages:
        problems += [
            f"config.adapt.{name} is set, but there is no stage; set config.adapt.dapt.data or config.adapt.tapt.epochs"
            for name in ("max_length", "batch_size", "evaluate_every")
            if getattr(adapt, name) is not None
        ]
    return problems


def _stages(config: Config) -> list[str]:
    """What a run with stages cannot be."""
    adapt, train, problems = config.adapt, config.train, []
    if not adapt.stages:
        return []
    task = config.task
    if task.kind in ("masked-lm", "causal-lm") or task.objective == "span-corruption":
        problems.append(
            f"config.adapt: {task.kind} on running text is further pretraining itself; name the text as data.train"
        )
    if config.model.initialise == "random":
        problems.append(
            "config.adapt: a model drawn at random has nothing to adapt; use config.model.initialise=pretrained"
        )
    size = adapt.batch_size or train.batch_size
    if train.microbatch is not None and size % train.microbatch:
        problems.append(f"config.train.microbatch: {train.microbatch} does not divide config.adapt.batch_size ({size})")
    return problems

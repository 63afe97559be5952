"""Which family a ``model_type`` belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amharic_tl.errors import BadInputError
from amharic_tl.models import (
    bert,
    deberta,
    distilbert,
    electra,
    gemma,
    gpt2,
    llama,
    m2m100,
    mbart,
    mistral,
    modernbert,
    qwen,
    roberta,
    t5,
    xglm,
    xlm_roberta_xl,
)
from amharic_tl.models.family import Family

FAMILIES: dict[str, Family] = {
    model_type: family
    for family in (
        bert.FAMILY,
        deberta.FAMILY,
        distilbert.FAMILY,
        electra.FAMILY,
        *gemma.FAMILIES,
        gpt2.FAMILY,
        llama.FAMILY,
        m2m100.FAMILY,
        mbart.FAMILY,
        mistral.FAMILY,
        modernbert.FAMILY,
        *qwen.FAMILIES,
        roberta.FAMILY,
        t5.FAMILY,
        xglm.FAMILY,
        xlm_roberta_xl.FAMILY,
    )
    for model_type in family.model_types
}


def family_of(config: Mapping[str, Any], where: str) -> Family:
    """The family of a config.

    Raises:
      BadInputError: it has no ``model_type``, or one that no family knows.
    """
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in FAMILIES:
        raise BadInputError(
            f"{where}: model_type is {kind!r}; the families that can be loaded are {', '.join(sorted(FAMILIES))}"
        )
    return FAMILIES[kind]


def task_of(config: Mapping[str, Any], where: str) -> str | None:
    """The task of the class that a config names in ``architectures``; None for a backbone.

    Raises:
      BadInputError: it names none, or one that no task here has.
    """
    family, named = family_of(config, where), config.get("architectures")
    classes = {names[config["model_type"]]: task for task, names in family.architectures.items()}
    name = named[0] if isinstance(named, list) and named else None
    if not isinstance(name, str) or name not in classes:
        raise BadInputError(
            f"{where}: architectures names {name!r}; expected one of {', '.join(classes)}. Say which task is meant: "
            f"one of {', '.join(task or 'backbone' for task in classes.values())}"
        )
    return classes[name]

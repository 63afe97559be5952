"""Models in flax nnx that load from and save to Hugging Face directories."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jax.sharding import Mesh

from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.models.adapters.adapt import Adaptation, add_adapters
from amharic_tl.models.adapters.places import linear_places, whole_modules
from amharic_tl.models.attention import CHOICES
from amharic_tl.models.config_values import label_names
from amharic_tl.models.family import Family
from amharic_tl.models.interchange.adapter_folder import AdapterFile, adapted_config, base_and_adapter, open_adapter
from amharic_tl.models.interchange.locate import read_config, read_generation_config
from amharic_tl.models.interchange.read import ClassRows, LoadReport, fill
from amharic_tl.models.interchange.tying import with_tying
from amharic_tl.models.interchange.weights import open_weights
from amharic_tl.models.interchange.write import save_pretrained
from amharic_tl.models.naming import named_parameters
from amharic_tl.models.registry import family_of

Problem = Literal["single-label", "multi-label", "regression"]
# Hugging Face's names, by which its classes choose the loss.
PROBLEM_TYPES: dict[Problem, str] = {
    "single-label": "single_label_classification",
    "multi-label": "multi_label_classification",
    "regression": "regression",
}

__all__ = ["LoadReport", "from_config", "from_pretrained", "named_parameters", "outline", "save_pretrained"]


def from_pretrained(
    path: str,
    task: str | None = None,
    dtype: Any = None,
    mesh: Mesh | None = None,
    *,
    labels: Sequence[str] | None = None,
    problem: Problem = "single-label",
    seed: int = 0,
    compute_dtype: str | None = None,
    dropout: float | None = None,
    attention: str = "auto",
    reinitialise_layers: int = 0,
    adapter: str | None = None,
) -> Any:
    """Loads a Hugging Face checkpoint, or an adapter of the PEFT library on its base.

    Args:
      path: a local directory, a bundled base, or a hub id ``owner/name[@revision]``. One that holds an adapter and no
        model stands for the base that its adapter_config.json names, with that adapter.
      task: ``sequence-classification``, ``token-classification``, ``masked-lm``, or None for the backbone with its
        pooler; a family may have others (ELECTRA: ``replaced-token-detection``).
      dtype: of all parameters; None keeps the stored dtypes.
      mesh: axes data, fsdp, tensor: parameters are placed on it by the family's rules.
      labels: names of the classes, in order. Where they are not the checkpoint's, the whole head is drawn anew; where
        only their order differs, the head's rows are reordered; names ``LABEL_0, LABEL_1, ...`` of a checkpoint fit as
        many labels of any name.
      problem: what sequence classification is exported as, where ``labels`` are given; ``regression`` has one.
      seed: of what must be drawn.
      compute_dtype: ``float32`` or ``bfloat16`` for the matrix products; None: bfloat16 if ``dtype`` asks for it,
        otherwise float32.
      dropout: overrides every dropout rate of the config.
      attention: which implementation computes attention: ``auto``, ``xla``, ``cudnn`` or ``tpu-flash``. ``auto`` takes
        the fastest that can serve a call where it runs; a name that cannot is refused when the model is called.
      reinitialise_layers: how many of the top blocks are drawn anew, with the pooler, as the family draws them before
        pretraining (Zhang et al. 2021): the checkpoint's values of these are left aside.
      adapter: a directory or hub id of a LoRA adapter, which is put on the model of ``path``.

    Returns:
      An ``nnx.Module``; ``model.load_report`` says what was initialised and what was left aside, ``model.hf_config``
      is the config, ``model.generation_config`` what generation_config.json says (empty without one). An adapter stays
      beside the weights it changes (:func:`~amharic_tl.models.adapters.adapt.merged`).

    Raises:
      MissingInputError: no such model, or a file of it is absent.
      BadInputError: a file is malformed, or the weights are not those of the model that config.json describes.
      UnsafeInputError: an index names a file outside the directory, or a pickle asks for more than tensors.
      ConfigError: an unknown task, dtype or implementation of attention; more blocks to draw anew than there are.
    """
    _check_dtype(dtype)
    folder, adapted = base_and_adapter(path, adapter)
    config = read_config(folder)
    family = family_of(config, f"{folder}/config.json")
    if adapted is not None:
        config = adapted_config(config, adapted)
    classes = _class_rows(label_names(config), labels)
    config = _for_task(config, family, task, labels, problem)
    generation_config = read_generation_config(folder)
    weights = open_weights(folder)
    built = with_tying(_with_dropout(config, family, dropout), family, weights)

    def build() -> nnx.Module:
        return family.build(built, task, jax.random.key(seed))

    abstract, initialise = nnx.eval_shape(build), build
    if adapted is not None:
        names = list(named_parameters(abstract))
        opened = open_adapter(adapted).for_model(list(linear_places(abstract)), names, family.prefix)
        weights = opened.over(weights)
        about = _adaptation(opened, path if adapter is not None else opened.config.base, names)
        initialise = _with_adapters(build, opened, seed, about)
        abstract = nnx.eval_shape(initialise)
    model, report = fill(
        abstract,
        initialise,
        family.for_task(task),
        weights,
        classes=classes,
        dtype=dtype,
        mesh=mesh,
        where=str(folder if adapted is None else adapted),
        reinitialise_layers=reinitialise_layers,
    )
    if compute_dtype is None:
        compute_dtype = "bfloat16" if dtype is not None and jnp.dtype(dtype) == jnp.bfloat16 else "float32"
    model = _dress(model, config, task, report, compute_dtype, attention)
    model.generation_config = HFConfig(generation_config)
    return model


def from_config(
    config: Mapping[str, Any],
    task: str | None = None,
    *,
    labels: Sequence[str] | None = None,
    problem: Problem = "single-label",
    seed: int = 0,
    compute_dtype: str = "float32",
    dropout: float | None = None,
    attention: str = "auto",
) -> Any:
    """A model with random float32 weights, drawn as Hugging Face draws them; arguments as :func:`from_pretrained`.

    Raises:
      BadInputError: a config of an unknown or unsupported kind.
    """
    family = family_of(config, "config")
    config = _for_task(config, family, task, labels, problem)
    built = _with_dropout(config, family, dropout)
    model = nnx.jit(lambda key: family.build(built, task, key))(jax.random.key(seed))
    report = LoadReport("drawn at random", tuple(named_parameters(model)), ())
    return _dress(model, config, task, report, compute_dtype, attention)


def _with_adapters(
    build: Callable[[], nnx.Module], opened: AdapterFile, seed: int, about: Adaptation
) -> Callable[[], nnx.Module]:
    """What builds a model and puts the adapters of a file on it."""

    def adapted() -> nnx.Module:
        model = build()
        add_adapters(model, opened.modules, jax.random.key(seed), about)
        return model

    return adapted


def _adaptation(opened: AdapterFile, base: str | None, names: Sequence[str]) -> Adaptation:
    """What a model with parameters of these names remembers of the adapter."""
    revision = opened.config.revision if base == opened.config.base else None
    return Adaptation(base, revision, tuple(whole_modules(opened.saved_whole, names)))


def outline(
    config: Mapping[str, Any],
    task: str | None = None,
    *,
    labels: Sequence[str] | None = None,
    problem: Problem = "single-label",
    compute_dtype: str = "float32",
    dropout: float | None = None,
    attention: str = "auto",
) -> Any:
    """The model of a config with shapes in the place of its parameters: nothing is drawn or read.

    Arguments as for :func:`from_config`.

    Raises:
      BadInputError: a config of an unknown or unsupported kind.
      ConfigError: a task that the family does not have.
    """
    family = family_of(config, "config")
    config = _for_task(config, family, task, labels, problem)
    built = _with_dropout(config, family, dropout)
    model = nnx.eval_shape(lambda: family.build(built, task, jax.random.key(0)))
    return _dress(model, config, task, LoadReport("of shapes", (), ()), compute_dtype, attention)


def _check_dtype(dtype: Any) -> None:
    try:
        known = dtype is None or jnp.issubdtype(jnp.dtype(dtype), jnp.floating)
    except TypeError:
        known = False
    if not known:
        raise ConfigError(f"dtype: expected a floating-point type such as 'float32' or 'bfloat16', found {dtype!r}")


def _class_rows(stored: Sequence[str], wanted: Sequence[str] | None) -> ClassRows:
    """What becomes of a stored classification head when the classes shall be ``wanted``."""
    unnamed = [f"LABEL_{index}" for index in range(len(stored))]
    if wanted is None or list(stored) in (list(wanted), unnamed) and len(stored) == len(wanted):
        return "keep"
    if sorted(stored) == sorted(wanted):
        return [list(stored).index(name) for name in wanted]
    return "anew"


def _with_dropout(config: Mapping[str, Any], family: Family, rate: float | None) -> dict[str, Any]:
    """The config the module is built from: an override of the dropout holds for this model and is not exported."""
    if rate is None:
        return dict(config)
    changed = dict.fromkeys(family.dropout_keys, rate)
    return {**config, **changed, **(dict.fromkeys(family.layer_drop_keys, 0.0) if rate == 0.0 else {})}


def _for_task(
    config: Mapping[str, Any], family: Family, task: str | None, labels: Sequence[str] | None, problem: Problem
) -> dict[str, Any]:
    """The config as it will be exported: the task's class and the labels."""
    if task not in family.architectures:
        known = ", ".join(str(name) for name in family.architectures if name)
        raise ConfigError(f"task {task!r} is not one of {known} for a {config['model_type']} model")
    config = dict(config)
    config["architectures"] = [family.architectures[task][config["model_type"]]]
    if labels is not None:
        if len(set(labels)) != len(labels) or not labels:
            raise BadInputError(f"labels must be distinct and at least one, found {list(labels)[:10]}")
        config.pop("num_labels", None)
        config["id2label"] = {str(index): label for index, label in enumerate(labels)}
        config["label2id"] = {label: index for index, label in enumerate(labels)}
        if task == "sequence-classification":
            config["problem_type"] = PROBLEM_TYPES[problem]
    return config


def _dress(
    model: Any, config: dict[str, Any], task: str | None, report: LoadReport, compute_dtype: str, attention: str
) -> Any:
    if compute_dtype not in ("float32", "bfloat16"):
        raise ConfigError(f"compute_dtype: expected 'float32' or 'bfloat16', found {compute_dtype!r}")
    if attention not in CHOICES:
        raise ConfigError(f"attention: expected one of {', '.join(CHOICES)}, found {attention!r}")
    model.hf_config = HFConfig(config)
    model.generation_config = HFConfig()
    model.load_report = report
    if not hasattr(model, "adaptation"):
        model.adaptation = None
    model.task = task
    model.compute_dtype = compute_dtype
    model.attention_path = attention
    return model


class HFConfig(dict[str, Any]):
    """A config.json as a dict that nnx keeps whole (a plain one would be searched for parameters).

    Hashed by identity.
    """

    __hash__ = object.__hash__  # type: ignore[assignment]

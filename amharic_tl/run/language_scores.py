"""How well a language model writes given texts: for the domain report, before and after adaptation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import optax
from jax.sharding import Mesh

from amharic_tl.config import Config
from amharic_tl.data.rows import Source
from amharic_tl.data.splits import Splits
from amharic_tl.data.tokenizer import check_fits, load_tokenizer
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.evaluation.intervals import cluster_bootstrap
from amharic_tl.models.config_values import ConfigValues
from amharic_tl.models.interchange.locate import locate, read_config
from amharic_tl.run.assembly import load_model
from amharic_tl.tasks.registry import prepare
from amharic_tl.training.evaluate import gather
from amharic_tl.training.interruption import Interruption
from amharic_tl.training.step import make_steps
from amharic_tl.transfer.plan import make_plan

MOST_TEXTS = 1000


def sampled(source: Source, seed: int) -> Source:
    """At most :data:`MOST_TEXTS` rows, drawn by seed, in their order."""
    if len(source.rows) <= MOST_TEXTS:
        return source
    chosen = np.random.default_rng(seed).choice(len(source.rows), MOST_TEXTS, replace=False)
    return replace(source, rows=[source.rows[index] for index in sorted(chosen)])


def text_sums(
    config: Config, model: str, texts: Source, mesh: Mesh | None, interruption: Interruption | None
) -> np.ndarray | str:
    """float64 ``[texts, 2]``: nats and characters of the predicted tokens of each text; or why they are not measured.

    Args:
      config: of a stage: the objective, and how texts are cut. What is masked depends on its seed alone, so that models
        of one tokenizer are asked the same.
      model: a directory, a bundled base or a hub id.
      texts: in order.
      mesh: where to compute; None: as the config says.
      interruption: asked between batches.

    Raises:
      Interrupted: told to stop.
    """
    folder = locate(model)
    config = replace(config, model=replace(config.model, path=model))
    tokenizer = load_tokenizer(folder)
    check_fits(tokenizer, ConfigValues(read_config(folder)).whole("vocab_size"), folder)
    loaded: Any = load_model(config, read_config(folder), [])
    if loaded.load_report.newly_initialised:
        return f"{model} has no language-modelling head of its own"
    prepared = prepare(config, Splits(texts, texts, None, []), tokenizer)
    plan = make_plan(loaded, config.transfer, config.optim.weight_decay)
    plan.regroup(loaded)
    mesh = mesh or make_mesh(config.mesh.data, config.mesh.fsdp, config.mesh.tensor)
    steps = make_steps(
        loaded,
        prepared.task,
        plan,
        lambda _: optax.identity(),
        lambda step: 0.0 * step,
        mesh,
        batch_size=config.train.batch_size,
        microbatch=config.train.microbatch,
        seed=config.train.seed,
    )
    batches: Any = prepared.evaluation["validation"]
    gathered = gather(steps, steps.state, batches.stream(0, len(batches)), mesh, interruption)
    rows = np.concatenate([batches.plan[step].rows for step in range(len(batches))])
    sums = np.zeros((len(texts.rows), 2))
    of_text = np.asarray(prepared.row_source)[rows[rows >= 0]]
    for column, name in enumerate(("nats", "characters")):
        np.add.at(sums[:, column], of_text, gathered[name][rows >= 0].astype(np.float64))
    return sums


def bits(sums: Mapping[str, np.ndarray | str], before: str) -> dict[str, Any]:
    """Bits per character by model, with intervals over texts, and how far each is from ``before`` on the same texts.

    Args:
      sums: of :func:`text_sums` by the name of the model.
      before: whose figure the others are compared with.
    """
    found: dict[str, Any] = {}
    first = sums[before]
    for name, values in sums.items():
        if isinstance(values, str):
            found[name] = {"not_measured": values}
            continue
        pairs = None if name == before or isinstance(first, str) else np.concatenate([values, first], axis=1)
        found[name] = _figures(values, None) | (_figures(values, pairs) if pairs is not None else {})
    return found


def _figures(values: np.ndarray, pairs: np.ndarray | None) -> dict[str, Any]:
    units = values if pairs is None else pairs

    def metrics(total: np.ndarray) -> dict[str, np.ndarray]:
        own = _bits(total[..., 0], total[..., 1])
        return {"bits_per_character": own} if pairs is None else {"change": own - _bits(total[..., 2], total[..., 3])}

    ends = cluster_bootstrap(units, metrics)
    return {
        name: {"value": float(value), "interval": list(ends[name]) if name in ends else None}
        for name, value in metrics(units.sum(axis=0)).items()
    }


def _bits(nats: Any, characters: Any) -> Any:
    return nats / np.log(2) / np.maximum(characters, 1.0)

"""Language models small enough to be read, and a run's parts as penalties are built from them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from amharic_tl.config import build_config
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.safety.penalties import Given
from amharic_tl.tasks.causal_lm import CausalLM
from amharic_tl.tasks.language_model import HiddenOutputs
from tests.safety import world

WIDTH = 8
VOCABULARY = len(world.TOKENIZER)
WEIGHTS = {f"safety.penalties.{name}.weight": 0.5 for name in ("js_pairing", "unlikelihood", "retention")}


class Averaging(nnx.Module):
    """A causal model: the hidden state of a place is the mean of the vectors of what was read; its head is tied."""

    calls = 0

    def __init__(self) -> None:
        self.vectors = nnx.Param(jax.random.normal(jax.random.key(0), (VOCABULARY, WIDTH)))

    def __call__(self, input_ids: jax.Array, positions: jax.Array, **_: Any) -> Any:
        type(self).calls += 1
        length = input_ids.shape[1]
        vectors = self.vectors.get_value()[input_ids]
        return SimpleNamespace(
            last_hidden_state=jnp.tril(jnp.ones((length, length))) @ vectors / (1 + positions[..., None])
        )

    def token_logits(self, hidden: jax.Array) -> jax.Array:
        return (hidden @ self.vectors.get_value().T).astype(jnp.float32)


def given(kind: str = "causal-lm", tokenizer: Any = world.TOKENIZER, **changes: object) -> Given:
    """A run of a kind on rows that name invented groups, as far as penalties are built from it."""
    overrides = {
        "data.train": "train.txt", "data.max_length": 32, "task.kind": kind, "train.select_by": "validation/loss",
        "train.batch_size": 8, "safety.axes": "ethnicity", "safety.pack": "demo",
        "safety.penalties.js_pairing.pairs": 8, "safety.penalties.js_pairing.places": 4,
        "safety.penalties.unlikelihood.items": 8,
    } | ({"task.objective": "span-corruption"} if kind == "seq2seq-lm" else {})  # fmt: skip
    config = build_config({**overrides, **(WEIGHTS if not changes else {}), **changes})
    splits: Any = SimpleNamespace(train=SimpleNamespace(rows=world.rows(24, seed=1)))
    prepared: Any = SimpleNamespace(task=CausalLM(np.ones(VOCABULARY, np.float32)))
    mesh = make_mesh(1, 1, 1, jax.devices()[:1])
    return Given(config, world.operator(), splits, prepared, tokenizer, mesh)


def value(term: Any, batch: Any, logits: Any, dtype: str = "float32") -> float:
    """A term's value where the model says ``logits [R, S, V]`` of the rows that the batch carries.

    ``logits``: or two, of the model and of its base. ``dtype``: in which it says them.
    """

    def of(batch: Any, logits: Any) -> jax.Array:
        model, base = logits if isinstance(logits, tuple) else (logits, logits)

        def outputs_of(rows: Any, initial: bool = False) -> HiddenOutputs:
            return HiddenOutputs(base if initial else model, lambda hidden: hidden)

        return term.value(SimpleNamespace(batch=batch, outputs_of=outputs_of))

    found = jax.jit(of)(
        batch, jax.tree.map(lambda one: jnp.asarray(one, dtype), logits, is_leaf=lambda of: not isinstance(of, tuple))
    )
    assert found.dtype == jnp.float32
    return float(found)

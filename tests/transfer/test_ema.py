"""The average of the weights: beside optax's, in a step, over a resumption, and what is evaluated of it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from amharic_tl.config import build_config
from amharic_tl.distributed.mesh import make_mesh, put_batch
from amharic_tl.models import named_parameters
from amharic_tl.run import assemble
from amharic_tl.training.checkpoints import Checkpoints
from amharic_tl.transfer.ema import moved_average

VALUES = jnp.cos(jnp.arange(40.0)).reshape(10, 4)


@pytest.mark.parametrize("decay", [0.5, 0.999])
def test_the_average_is_optaxs_corrected_one(decay: float) -> None:
    theirs = optax.ema(decay, debias=True)
    average, state = jnp.full(4, 7.0), theirs.init(VALUES[0])
    for number, value in enumerate(VALUES, start=1):
        average = moved_average(average, value, jnp.asarray(number), decay)
        expected, state = theirs.update(value, state)
        np.testing.assert_allclose(average, expected, rtol=2e-4, atol=2e-4)


def test_a_long_average_keeps_its_digits_from_the_first_update_on() -> None:
    average, decay = jnp.full(4, 7.0), 0.99999
    for number, value in enumerate(VALUES, start=1):
        average = moved_average(average, value, jnp.asarray(number), decay)
        weights = decay ** np.arange(number - 1, -1, -1.0)  # float64, in which optax's float32 is wrong by 1e-3 here
        expected = weights @ np.asarray(VALUES[:number], np.float64) / weights.sum()
        np.testing.assert_allclose(average, expected, rtol=1e-5, atol=1e-5)


def test_the_average_is_trained_saved_and_evaluated(tiny_overrides: dict[str, object], tmp_path) -> None:  # type: ignore[no-untyped-def]
    settings = {**tiny_overrides, "optim.ema": 0.6, "transfer.method": "top-layers", "transfer.trainable_layers": 0}
    run = assemble(build_config(settings), make_mesh(1, 1, 1, jax.devices()[:1]))
    state, seen = run.steps.state, []
    for index in range(4):
        batch = run.prepared.train[index]
        if index == 2:  # a skipped update is not averaged
            batch["weights"] = batch["weights"] * np.float32("nan")
        state, _ = run.steps.train(state, put_batch(batch, run.mesh))
        if index != 2:
            seen.append(_arrays(state.trainable))
    weights = np.asarray([0.6**2, 0.6, 1.0]) / (0.6**2 + 0.6 + 1.0)
    found = _arrays(state.average)
    assert found.keys() == {name for name, row in run.plan.rows.items() if row.trainable}
    for name, array in found.items():
        expected = sum(weight * values[name] for weight, values in zip(weights, seen, strict=True))
        np.testing.assert_allclose(array, expected, rtol=1e-4, atol=1e-6, err_msg=name)
    # The model that is exported holds the average.
    np.testing.assert_array_equal(_arrays(run.steps.model(state))[name], found[name])
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(4, state, {}, set())
    restored = checkpoints.restore(4, run.steps.state, run.steps.shardings).state
    for saved, read in zip(jax.tree.leaves(state.average), jax.tree.leaves(restored.average), strict=True):
        np.testing.assert_array_equal(saved, read)
    plain = assemble(build_config({**settings, "optim.ema": None}), run.mesh)
    assert plain.steps.state.average is None
    assert len(jax.tree.leaves(plain.steps.state)) == len(jax.tree.leaves(state)) - len(jax.tree.leaves(state.average))


def _arrays(tree: object) -> dict[str, np.ndarray]:
    return {name: np.asarray(view.value()) for name, view in named_parameters(tree).items()}

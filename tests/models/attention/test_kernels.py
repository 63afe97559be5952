"""The implementations of attention against the one in plain JAX: outputs and gradients, padding among them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from amharic_tl.models.attention import Choice, Visibility, dispatch, dot_product_attention, listening, only_xla
from amharic_tl.models.attention.cudnn import cudnn_attention
from amharic_tl.models.attention.paths import Machine
from amharic_tl.models.attention.tpu import tpu_flash_attention
from amharic_tl.models.attention.xla import xla_attention

BATCH, HEADS, KEY_HEADS, SIZE, SCALE = 2, 2, 1, 8, 0.3


def drawn(queries: int, keys: int) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Queries, keys, values and the weights of a sum of outputs."""
    shapes = [(queries, HEADS), (keys, KEY_HEADS), (keys, KEY_HEADS), (queries, HEADS)]
    found = jax.random.split(jax.random.key(0), 4)
    made = [jax.random.normal(key, (BATCH, *shape, SIZE)) for key, shape in zip(found, shapes, strict=True)]
    return made[0], made[1], made[2], made[3]


def padding(length: int, *, left: bool = False) -> jax.Array:
    """One row with some padding, one of padding alone."""
    mask = (np.arange(length)[None] < np.array([[length - 30], [0]])).astype(np.int32)
    return jnp.asarray(mask[:, ::-1] if left else mask)


def documents(length: int) -> jax.Array:
    """Three documents in a row, and padding."""
    return jnp.asarray(
        np.repeat([[1, 2, 3, 0]], length // 4, axis=1).reshape(1, 4, -1).repeat(BATCH, 0).reshape(BATCH, -1)
    )


def assert_alike(
    attention: Callable[..., jax.Array], visible: Visibility, lengths: tuple[int, int], **more: Any
) -> None:
    query, key, value, weights = drawn(*lengths)
    allowed = True if visible.allowed is None else visible.allowed
    sees = jnp.broadcast_to(allowed, (BATCH, 1, *lengths)).any(-1)[:, 0, :, None, None]

    def outcome(function: Callable[..., jax.Array]) -> Any:
        def objective(*arrays: jax.Array) -> tuple[jax.Array, jax.Array]:
            attended = function(*arrays)
            return (attended * weights * sees).sum(), attended

        return jax.jit(jax.value_and_grad(objective, (0, 1, 2), has_aux=True))(query, key, value)

    (_, expected), expected_grads = outcome(
        lambda *arrays: xla_attention(*arrays, visible.allowed, None, scale=SCALE, **more)
    )
    (_, found), grads = outcome(lambda *arrays: attention(*arrays, visible, scale=SCALE, **more))
    assert np.isfinite(np.asarray(found)).all()
    np.testing.assert_allclose(found * sees, expected * sees, atol=1e-5)
    for one, other in zip(grads, expected_grads, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


def test_the_tpu_kernel_with_documents_soft_cap_and_windows_that_differ_by_layer() -> None:
    ids = documents(136)
    seen = Visibility.of(136, 136, key_mask_BT=ids, segments_BS=ids, causal=True, windows=(None, 12))

    def interpreted(*arrays: jax.Array, **settings: Any) -> jax.Array:
        return tpu_flash_attention(*arrays, interpret=True, **settings)

    assert_alike(interpreted, seen.for_layer(jnp.int32(1)), (136, 136), softcap=5.0)


def test_the_tpu_kernel_across_to_another_length_with_rows_of_padding_alone() -> None:
    def interpreted(*arrays: jax.Array, **settings: Any) -> jax.Array:
        return tpu_flash_attention(*arrays, interpret=True, **settings)

    assert_alike(interpreted, Visibility.of(72, 128, key_mask_BT=padding(128)), (72, 128))


@pytest.mark.parametrize(
    "seen",
    [
        Visibility.of(40, 40, causal=True, windows=(6,)),
        Visibility.of(40, 40, key_mask_BT=padding(40, left=True), causal=True),
        Visibility.of(40, 40, key_mask_BT=padding(40), windows=(None, 8)).for_layer(jnp.int32(1)),
    ],
    ids=["window by flags", "left padding", "windows by layer"],
)
def test_what_cudnn_is_told(seen: Visibility) -> None:
    def told(*arrays: jax.Array, **settings: Any) -> jax.Array:
        return cudnn_attention(*arrays, implementation="xla", **settings)

    assert_alike(told, seen, (40, 40))


def test_cudnn_knows_the_causal_order_itself_and_reads_a_mask_where_keys_are_hidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cudnn = pytest.importorskip("jax._src.cudnn.fused_attention_stablehlo")
    monkeypatch.setattr(cudnn, "check_cudnn_version", lambda: 91000)
    query, key, value, _ = (array.astype(jnp.bfloat16) for array in drawn(128, 128))

    def lowered(seen: Visibility) -> str:
        def objective(*arrays: jax.Array) -> jax.Array:
            return cudnn_attention(*arrays, seen, scale=SCALE).astype(jnp.float32).sum()

        traced = jax.jit(jax.grad(objective, (0, 1, 2))).trace(query, key, value)
        return traced.lower(lowering_platforms=("cuda",)).as_text()

    def kernels(text: str) -> set[str]:
        return set(re.findall(r"__cudnn\$(\w+)", text))

    causal = lowered(Visibility.of(128, 128, causal=True, windows=(16,)))
    assert kernels(causal) == {"fmhaSoftmax", "fmhaSoftmaxBackward"}
    assert "CAUSAL" in causal
    masked = lowered(Visibility.of(128, 128, key_mask_BT=padding(128), causal=True))
    assert kernels(masked) == {"fmhaScaleBiasSoftmax", "fmhaScaleBiasSoftmaxBackward"}


def test_a_kernel_is_called_with_each_device_s_rows_and_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    from amharic_tl.distributed.mesh import batch_sharding, make_mesh

    mesh = make_mesh(2, 1, 2, devices=jax.devices()[:4])
    shapes = []

    def kernel(query: jax.Array, key: jax.Array, value: jax.Array, seen: Visibility, **settings: Any) -> jax.Array:
        shapes.append((query.shape, key.shape))
        return cudnn_attention(query, key, value, seen, implementation="xla", **settings)

    monkeypatch.setitem(dispatch._KERNELS, "cudnn", kernel)
    found = Machine("cuda", (9, 0), (("data", 2), ("tensor", 2)))
    monkeypatch.setattr(dispatch, "machine_of", lambda array: found)
    query, key, value, weights = drawn(8, 8)
    key, value = jnp.repeat(key, 2, axis=2), jnp.repeat(value, 2, axis=2)
    mask = padding(8) | 1
    choices: list[Choice] = []

    def gradient(*arrays: jax.Array) -> Any:
        def objective(*arrays: jax.Array) -> jax.Array:
            narrow = (array.astype(jnp.bfloat16) for array in arrays)
            return (dot_product_attention(*narrow, Visibility.of(8, 8, key_mask_BT=mask, causal=True)) * weights).sum()

        return jax.grad(objective, (0, 1, 2))(*arrays)

    arrays = jax.device_put((query, key, value), batch_sharding(mesh))
    with listening(choices.append):
        grads = jax.jit(gradient)(*arrays)
    with only_xla():
        expected = jax.jit(lambda *arrays: gradient(*arrays))(*arrays)
    assert [choice.path for choice in choices] == ["cudnn"]
    assert set(shapes) == {((1, 8, 1, SIZE), (1, 8, 1, SIZE))}
    for one, other in zip(grads, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=0.05)


@pytest.mark.skipif(not os.environ.get("TPU_LIBRARY_PATH"), reason="needs a libtpu, named by TPU_LIBRARY_PATH")
def test_a_model_compiles_for_four_tpus_with_the_kernel() -> None:
    from flax import nnx
    from jax.experimental import topologies

    from amharic_tl.distributed.mesh import batch_sharding, make_mesh
    from amharic_tl.models import from_config
    from amharic_tl.models.sharding import parameter_shardings

    devices = topologies.get_topology_desc(platform="tpu", topology_name="v5e:2x2").devices
    mesh = make_mesh(2, 1, 2, devices=list(devices))
    sizes = {"vocab_size": 64, "hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 64}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "sliding_window": 16}
    model = from_config({"model_type": "gemma2", **sizes, **heads}, "causal-lm", compute_dtype="bfloat16")
    graphdef, state = nnx.split(model)
    shapes = jax.tree.map(
        lambda leaf, place: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place),
        state,
        parameter_shardings(state, mesh),
    )
    ids = jax.ShapeDtypeStruct((4, 200), jnp.int32, sharding=batch_sharding(mesh))

    def loss(state: Any, ids: jax.Array) -> jax.Array:
        return nnx.merge(graphdef, state, copy=True)(ids, attention_mask=ids).logits.astype(jnp.float32).mean()

    text = jax.jit(jax.grad(loss)).lower(shapes, ids).compile().as_text()
    assert "tpu_custom_call" in text

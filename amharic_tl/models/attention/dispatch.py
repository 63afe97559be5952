"""The one place where attention is computed: it chooses an implementation, says which, and calls it."""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import jax
from jax.sharding import PartitionSpec

from amharic_tl.distributed.mesh import BATCH_AXES
from amharic_tl.models.attention.cudnn import cudnn_attention
from amharic_tl.models.attention.paths import Feature, Machine, Request, choose, machine_of
from amharic_tl.models.attention.tpu import tpu_flash_attention
from amharic_tl.models.attention.visibility import Visibility
from amharic_tl.models.attention.xla import xla_attention

_KERNELS: dict[str, Callable[..., jax.Array]] = {"cudnn": cudnn_attention, "tpu-flash": tpu_flash_attention}


@dataclass(frozen=True)
class Choice:
    """Which implementation serves a call.

    Attributes:
      path: its name.
      not_taken: the others by name, and why not.
      request: what was asked.
      machine: where.
    """

    path: str
    not_taken: Mapping[str, str]
    request: Request
    machine: Machine


_listener: ContextVar[Callable[[Choice], None] | None] = ContextVar("listener", default=None)
_only_xla: ContextVar[bool] = ContextVar("only_xla", default=False)


@contextlib.contextmanager
def listening(listener: Callable[[Choice], None]) -> Iterator[None]:
    """Calls ``listener`` with every choice made inside: once for each call that is traced, not each time it runs."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextlib.contextmanager
def only_xla() -> Iterator[None]:
    """Takes XLA for whatever is traced inside and tells no listener: for counting operations, which kernels hide."""
    token = _only_xla.set(True)
    try:
        yield
    finally:
        _only_xla.reset(token)


def dot_product_attention(
    query_BSND: jax.Array,
    key_BTKD: jax.Array,
    value_BTKD: jax.Array,
    visible: Visibility,
    *,
    bias_BNST: jax.Array | None = None,
    dropout_rate: float = 0.0,
    dropout_key: jax.Array | None = None,
    scale: float | None = None,
    softcap: float | None = None,
) -> jax.Array:
    """Attention of S queries over T keys with N heads of size D.

    All implementations agree on every query that may look at some key; what a query of padding gets is finite.

    Args:
      query_BSND: ``[B, S, N, D]``.
      key_BTKD: ``[B, T, K, D]``; K divides N, and N / K neighbouring heads of the queries share a head of the keys
        (grouped-query attention, Ainslie et al. 2023).
      value_BTKD: ``[B, T, K, D]``.
      visible: who may look at whom, as :meth:`Visibility.for_layer` gives it.
      bias_BNST: added to the float32 scores, broadcastable to ``[B, N, S, T]``; None for none.
      dropout_rate: of the attention probabilities.
      dropout_key: None for no dropout.
      scale: of the scores, default ``D ** -0.5``.
      softcap: scores are squeezed to ``softcap * tanh(scores / softcap)`` before the bias (Gemma 2); None: not.

    Returns:
      ``[B, S, N, D]`` in the dtype of the values.

    Raises:
      ConfigError: ``visible.path`` names an implementation that cannot do this here.
    """
    scale = 1.0 / math.sqrt(query_BSND.shape[-1]) if scale is None else scale
    features: dict[Feature, bool] = {
        "hidden keys": visible.hides_keys,
        "causal": visible.causal,
        "window": any(window is not None for window in visible.windows),
        "score bias": bias_BNST is not None,
        "soft-cap": softcap is not None,
        "dropout": dropout_key is not None and dropout_rate > 0.0,
        "cache": not visible.whole,
    }
    path = _choose(query_BSND, key_BTKD, frozenset(name for name, wanted in features.items() if wanted), visible.path)
    if path == "xla":
        return xla_attention(
            query_BSND,
            key_BTKD,
            value_BTKD,
            visible.allowed,
            bias_BNST,
            dropout_rate=dropout_rate,
            dropout_key=dropout_key,
            scale=scale,
            softcap=softcap,
        )
    kernel = functools.partial(_KERNELS[path], scale=scale, softcap=softcap)
    return _over_mesh(kernel, query_BSND)(query_BSND, key_BTKD, value_BTKD, visible)


def _choose(query_BSND: jax.Array, key_BTKD: jax.Array, features: frozenset[Feature], asked: str) -> str:
    if _only_xla.get():
        return "xla"
    batch, queries, heads, size = query_BSND.shape
    keys, key_heads = key_BTKD.shape[1:3]
    request = Request(str(query_BSND.dtype), batch, queries, keys, heads, key_heads, size, features)
    machine = machine_of(query_BSND)
    path, not_taken = choose(request, machine, asked)
    listener = _listener.get()
    if listener is not None:
        listener(Choice(path, not_taken, request, machine))
    return path


def _over_mesh(kernel: Callable[..., jax.Array], query_BSND: jax.Array) -> Callable[..., jax.Array]:
    """The kernel on each device's rows and heads: no compiler splits it."""
    mesh = jax.typeof(query_BSND).sharding.mesh
    if not machine_of(query_BSND).axes:
        return kernel
    heads = PartitionSpec(BATCH_AXES, None, "tensor", None)
    batch = query_BSND.shape[0]

    def place(leaf: jax.Array) -> PartitionSpec:
        return PartitionSpec(BATCH_AXES) if leaf.ndim and leaf.shape[0] == batch else PartitionSpec()

    def split(query: jax.Array, key: jax.Array, value: jax.Array, visible: Visibility) -> Any:
        specs = (heads, heads, heads, jax.tree.map(place, visible))
        return jax.shard_map(kernel, mesh=mesh, in_specs=specs, out_specs=heads, check_vma=False)(
            query, key, value, visible
        )

    return split

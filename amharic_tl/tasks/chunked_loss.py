"""The loss of a vocabulary-wide head with its gradient made in the forward pass, chunk by chunk.

Of each chunk the logits exist once: loss and gradient are taken of them (softmax less the one-hot label, in closed
form by automatic differentiation of a chunk) and they are dropped. A backward pass has nothing left to do but to
multiply by what comes from above, so that three wide products are made a chunk where one that computes its logits again
makes four (as Hsu et al. 2024, "Liger Kernel", section 3.2, do for one device).

Over several devices each computes the loss of its own rows: a table that is sharded is gathered once, and its gradient
is summed over devices once, not once a chunk.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from amharic_tl.distributed.mesh import BATCH_AXES, row_shards
from amharic_tl.tasks.token_losses import CHUNK_LOGITS, chunk_sizes, cut, joined, vocabulary_of

# ``(hidden [B, s, H], parameters) -> float32 logits [B, s, V]``.
Head = Callable[..., jax.Array]


def chunked_loss(
    logits_of: Callable[[jax.Array], jax.Array],
    hidden_BSH: jax.Array,
    labels_BS: jax.Array,
    weights_BS: jax.Array,
    *,
    chunk_logits: int = CHUNK_LOGITS,
) -> jax.Array:
    """The weighted sum of the cross-entropies of labels in nats, a float32 scalar.

    Args:
      logits_of: ``[B, s, H]`` to float32 logits ``[B, s, V]``; it may close over parameters, which get gradients.
      hidden_BSH: what it is applied to.
      labels_BS: int; any token will do where the weight is 0.
      weights_BS: float32.
      chunk_logits: how many logits a chunk may have on a device, at least those of one position of each row.
    """
    shards = row_shards(hidden_BSH)
    batch, length, width = hidden_BSH.shape
    positions = chunk_logits // vocabulary_of(logits_of, hidden_BSH)
    chunks, size = chunk_sizes(batch // shards, length, positions)
    stretch = jax.ShapeDtypeStruct((batch // shards, size, width), hidden_BSH.dtype)
    head, parameters = jax.closure_convert(logits_of, stretch)
    return _loss(head, (chunks, size), hidden_BSH, list(parameters), labels_BS, weights_BS)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _loss(
    head: Head, chunking: tuple[int, int], hidden: jax.Array, parameters: list[Any], labels: jax.Array, weights: Any
) -> jax.Array:
    return _made(head, chunking, (False, [False] * len(parameters)), hidden, parameters, labels, weights)[0]


def _forward(head: Head, chunking: tuple[int, int], *arguments: Any) -> tuple[jax.Array, Any]:
    """The loss, and the gradients of what was asked for: the arguments say which of them is learned."""
    hidden, parameters, labels, weights = arguments
    wanted = hidden.perturbed, [one.perturbed for one in parameters]
    values = hidden.value, [one.value for one in parameters], labels.value, weights.value
    loss, *kept = _made(head, chunking, wanted, *values)
    return loss, kept


def _backward(head: Head, chunking: tuple[int, int], kept: Any, above: jax.Array) -> tuple[Any, ...]:
    del head, chunking
    of_hidden, of_parameters, nats = jax.tree.map(lambda one: (above * one).astype(one.dtype), kept)
    return of_hidden, of_parameters, None, nats


_loss.defvjp(_forward, _backward, symbolic_zeros=True)


def _made(
    head: Head,
    chunking: tuple[int, int],
    wanted: tuple[bool, list[bool]],
    hidden_BSH: jax.Array,
    parameters: list[jax.Array],
    labels_BS: jax.Array,
    weights_BS: jax.Array,
) -> tuple[jax.Array, Any, list[Any], jax.Array]:
    """Loss, gradients of the hidden states and of the parameters (None where not ``wanted``), and ``nats [B, S]``."""
    local = functools.partial(_of_rows, head, chunking, wanted)
    if row_shards(hidden_BSH) == 1:
        return local(hidden_BSH, parameters, labels_BS, weights_BS)
    rows, everywhere = PartitionSpec(BATCH_AXES), PartitionSpec()

    def of_this_device(*arguments: Any) -> Any:
        loss, of_hidden, of_parameters, nats = local(*arguments)
        loss, of_parameters = jax.lax.psum((loss, of_parameters), BATCH_AXES)
        return loss, of_hidden, of_parameters, nats

    return jax.shard_map(
        of_this_device,
        mesh=jax.typeof(hidden_BSH).sharding.mesh,
        in_specs=(rows, everywhere, rows, rows),
        out_specs=(everywhere, rows, everywhere, rows),
        axis_names=set(BATCH_AXES),
        check_vma=False,
    )(hidden_BSH, parameters, labels_BS, weights_BS)


def _of_rows(
    head: Head,
    chunking: tuple[int, int],
    wanted: tuple[bool, list[bool]],
    hidden: jax.Array,
    parameters: list[jax.Array],
    labels: jax.Array,
    weights: jax.Array,
) -> tuple[jax.Array, Any, list[Any], jax.Array]:
    """As :func:`_made`, of the rows of one device."""
    chunks, size = chunking
    learned = [place for place, is_wanted in enumerate(wanted[1]) if is_wanted]
    asked = (0, 1) if wanted[0] and learned else (0,) if wanted[0] else (1,) if learned else ()

    def loss_of(hidden: jax.Array, some: list[jax.Array], labels: jax.Array, weights: jax.Array) -> Any:
        whole = list(parameters)
        for place, one in zip(learned, some, strict=True):
            whole[place] = one
        logits = head(hidden, *whole).astype(jnp.float32)
        picked = jnp.take_along_axis(logits, labels[..., None], axis=-1)[..., 0]
        nats = jax.nn.logsumexp(logits, axis=-1) - picked
        return jnp.sum(nats * weights), nats

    some = [parameters[place] for place in learned]

    def step(carry: tuple[jax.Array, list[Any]], part: tuple[jax.Array, ...]) -> Any:
        hidden, labels, weights = part
        if not asked:
            loss, nats = loss_of(hidden, some, labels, weights)
            return (carry[0] + loss, carry[1]), (None, nats)
        (loss, nats), grads = jax.value_and_grad(loss_of, asked, has_aux=True)(hidden, some, labels, weights)
        found = dict(zip(asked, grads, strict=True))
        sums = jax.tree.map(jnp.add, carry[1], found[1]) if learned else []
        return (carry[0] + loss, sums), (found.get(0), nats)

    nothing = jnp.zeros((), jnp.float32), [jnp.zeros_like(one) for one in some]
    if chunks == 1:
        (loss, sums), (of_hidden, nats) = step(nothing, (hidden, labels, weights))
    else:
        pieces = tuple(cut(array, chunks, size) for array in (hidden, labels, weights))
        (loss, sums), found = jax.lax.scan(step, nothing, pieces)
        of_hidden, nats = jax.tree.map(lambda parts: joined(parts, hidden.shape[1]), found)
    of_parameters: list[Any] = [None] * len(parameters)
    for place, total in zip(learned, sums, strict=True):
        of_parameters[place] = total
    return loss, of_hidden, of_parameters, nats

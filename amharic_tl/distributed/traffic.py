"""What an update has to send over a mesh, by formula, beside which a compiled programme is held."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """What of a step decides how much is sent; all bytes are of whole arrays, over all devices.

    Attributes:
      matrices: bytes of weights that are sharded over ``fsdp`` (and ``tensor``) and multiplied with.
      passes: how often an update needs them whole: 2, forward and backward.
      trained: bytes of their gradients.
      copied: bytes of gradients of what every device holds whole (biases, norms).
      tables: bytes of the gradients of tables whose rows are looked up.
      activations: bytes of a hidden state of all tokens, ``B x S x H``.
      sums: how often an update sums such a state over ``tensor``: 4 a trained block, 1 for the words.
      lookups: how often rows are exchanged over ``fsdp``: twice a table, forward and backward.
    """

    matrices: float
    passes: int
    trained: float
    copied: float
    tables: float
    activations: float
    sums: int
    lookups: int


def sent(sizes: Sizes, data: int, fsdp: int, tensor: int, *, scattered: bool) -> dict[str, float]:
    """Bytes that each device sends in an update over ``data x fsdp x tensor``, by the axis along which.

    Collectives are counted as rings over n devices do them (Patarasuk & Yuan 2009): an array of A bytes is gathered,
    reduced to shares, or exchanged at A (n - 1) / n a device, and reduced to a whole at twice that.

    - ``tensor`` (Shoeybi et al. 2019, section 3): the products of a block are split by heads and by inner features, and
      summed where a pair of products ends: after attention and after the feed-forward layer in the forward pass, before
      each of them in the backward one; four whole reductions of the device's hidden states, A = activations / (data
      fsdp). The word table is split by rows: one more, in the forward pass alone.
    - ``fsdp`` (Rajbhandari et al. 2020, section 5, stage 3; Zhao et al. 2023): every matrix, A = matrices / tensor, is
      gathered in each pass, and its gradient reduced to shares: 3 A (n - 1) / n where the compiler does so
      (``scattered``), 4 where it reduces to wholes and cuts (XLA for CPUs). A table is not gathered, whose rows number
      more than the tokens of a device: these are exchanged, A = activations / (data fsdp).
    - ``data``: copies of a share sum its gradient: A = (trained + tables) / (tensor fsdp), a whole reduction.
    - biases and norms: a whole reduction over data and fsdp together.

    Args:
      sizes: of the step.
      data: extent of that axis.
      fsdp: extent.
      tensor: extent.
      scattered: whether gradients are reduced to shares.
    """
    rows = data * fsdp
    of_device = sizes.activations / rows
    gathered = sizes.passes * sizes.matrices / tensor
    reduced = (1 if scattered else 2) * sizes.trained / tensor
    exchanged = sizes.lookups * of_device
    found = {
        "data": 2 * (sizes.trained + sizes.tables) / (tensor * fsdp) * _ring(data),
        "fsdp": (gathered + reduced + exchanged) * _ring(fsdp),
        "tensor": 2 * sizes.sums * of_device * _ring(tensor),
        "data+fsdp": 2 * sizes.copied * _ring(rows),
    }
    return {axis: value for axis, value in found.items() if value}


def _ring(devices: int) -> float:
    return (devices - 1) / devices

"""The view of a model that everyone speaks: its parameters one by one, by canonical name, layers unstacked.

The canonical name is Hugging Face's torch state-dict name. Because each parameter carries its name, the same view
works on gradients, optimiser moments and any other tree shaped like (a part of) the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
from flax import nnx

from amharic_tl.models.layers import Buffer


@dataclass(frozen=True)
class ParameterView:
    """One parameter of one layer.

    ``layer`` is the block's place in the model's tower, None outside the blocks; a decoder stands on its encoder, so
    its blocks count on from the encoder's. ``path`` and ``index`` say where the parameter is stored; ``template`` is
    the name with ``{}`` for the layer where it is stored in a stack.
    """

    name: str
    shape: tuple[int, ...]
    dtype: Any
    layer: int | None
    path: tuple[Any, ...]
    index: int | None
    flax_leaf: str
    stored: Any
    template: str
    is_buffer: bool = False

    @property
    def size(self) -> int:
        """Number of elements."""
        count = 1
        for extent in self.shape:
            count *= extent
        return count

    def value(self) -> Any:
        """The array; a layer of a stacked one is cut out only now."""
        return self.stored if self.index is None else self.stored[self.index]

    @property
    def flax_name(self) -> str:
        """The name in Hugging Face's Flax trees, joined with ``/``."""
        return "/".join([*self.name.split(".")[:-1], self.flax_leaf])


def named_parameters(tree: Any) -> dict[str, ParameterView]:
    """The parameters of a model, a state, gradients or moments, by canonical name.

    Args:
      tree: an ``nnx.Module``, or any pytree that holds ``nnx`` variables of this package (an optax state, say). Where
        a tree holds the same parameter more than once (first and second moments), the first wins; pass the part that
        is meant.

    Returns:
      Embeddings first, then the layers in order, then the rest (pooler, head).
    """
    return {name: view for name, view in named_tensors(tree).items() if not view.is_buffer}


def named_tensors(tree: Any) -> dict[str, ParameterView]:
    """What a checkpoint holds: :func:`named_parameters`, and the saved buffers among them."""
    if isinstance(tree, nnx.Module):
        tree = nnx.state(tree)
    found: dict[str, tuple[tuple[int, int, int], ParameterView]] = {}
    leaves = jax.tree_util.tree_flatten_with_path(tree, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))[0]
    for position, (path, variable) in enumerate(leaves):
        if not isinstance(variable, nnx.Variable) or "hf_name" not in variable.get_metadata():
            continue
        for view in _views(variable, path):
            group = 1 if view.layer is not None else 0 if "embed" in view.name else 2
            found.setdefault(view.name, ((group, view.layer or 0, position), view))
    return {name: view for name, (_, view) in sorted(found.items(), key=lambda item: item[1][0])}


def names_held(variable: nnx.Variable[Any]) -> list[str]:
    """Canonical names of the parameters that a (possibly stacked) variable holds, in the order of its layers."""
    metadata = variable.get_metadata()
    if metadata.get("layers") is None:
        return [metadata["hf_name"]]
    return [metadata["hf_name"].format(layer) for layer in metadata["layers"]]


def _views(variable: nnx.Variable[Any], path: tuple[Any, ...]) -> list[ParameterView]:
    metadata = variable.get_metadata()
    stored = variable.get_value()
    template, layers, leaf = metadata["hf_name"], metadata["layers"], metadata["flax_leaf"]
    buffer = isinstance(variable, Buffer)
    if layers is None:
        block = metadata.get("block")
        return [
            ParameterView(
                template, tuple(stored.shape), stored.dtype, block, path, None, leaf, stored, template, buffer
            )
        ]
    below, shape = metadata.get("below", 0), tuple(stored.shape[1:])
    return [
        ParameterView(
            template.format(layer), shape, stored.dtype, below + layer, path, index, leaf, stored, template, buffer
        )
        for index, layer in enumerate(layers)
    ]

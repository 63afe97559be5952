"""Muon (Jordan 2024) for the matrices inside blocks, AdamW's direction for everything else."""

from __future__ import annotations

import math
import re
from typing import Any

import jax
import jax.numpy as jnp
import optax
from optax.contrib import MuonDimensionNumbers
from optax.contrib import scale_by_muon as newton_schulz_momentum

from amharic_tl.config import OptimConfig
from amharic_tl.transfer.leafwise import is_variable, layer_axes

# Tables inside blocks, whose rows are looked up: no products are formed with them.
_TABLE = r".*(relative_attention_bias|embed\w*)\..*"
# The root mean square that AdamW's updates have as a rule, so that both share a rate (Liu et al. 2025).
_CONSISTENT_RMS = 0.2


def scale_by_muon(optim: OptimConfig, others: optax.GradientTransformation) -> optax.GradientTransformation:
    """The orthogonalised momentum of matrices in blocks, scaled by ``0.2 sqrt(max(n, m))`` (Liu et al. 2025).

    State: one momentum for those matrices, 4 bytes a parameter in float32, and that of ``others`` for the rest.
    A stack of layers is a batch of matrices.
    """
    muon = optax.chain(
        newton_schulz_momentum(
            ns_steps=optim.muon.iterations,
            beta=optim.muon.momentum,
            mu_dtype=jnp.dtype(optim.momentum_dtype),
            weight_dimension_numbers=_dimensions,
        ),
        optax.stateless(_like_adamw),
    )
    return optax.partition({"matrices": muon, "others": others}, _labels)


def _like_adamw(updates: Any, parameters: Any) -> Any:
    del parameters
    return jax.tree.map(lambda update: _CONSISTENT_RMS * math.sqrt(max(update.shape[-2:])) * update, updates)


def _labels(parameters: Any) -> Any:
    def label(variable: Any) -> Any:
        if isinstance(variable.get_value(), optax.MaskedNode):
            return variable
        return variable.replace("matrices" if _is_block_matrix(variable) else "others")

    return jax.tree.map(label, parameters, is_leaf=is_variable)


def _is_block_matrix(variable: Any) -> bool:
    metadata = variable.get_metadata()
    in_a_block = metadata.get("layers") is not None or metadata.get("block") is not None
    two_axes = variable.get_value().ndim - layer_axes(variable) == 2
    return in_a_block and two_axes and re.fullmatch(_TABLE, metadata["hf_name"]) is None


def _dimensions(updates: Any) -> Any:
    """What optax asks for each matrix: its two axes; those before them are a batch."""

    def of(variable: Any) -> Any:
        value = variable.get_value()
        return variable if isinstance(value, optax.MaskedNode) else variable.replace(MuonDimensionNumbers(-2, -1))

    return jax.tree.map(of, updates, is_leaf=is_variable)

"""The adapters of transfer.method=lora."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from amharic_tl.config.leaf import leaf


@dataclass(frozen=True)
class AdaptersConfig:
    """The adapters of transfer.method=lora. Where a trained adapter is loaded, its own hold."""

    rank: int | None = leaf(
        None, "lora: rank of each adapter; none: 8, or that of the adapter that is loaded.", minimum=1
    )
    alpha: float | None = leaf(
        None, "lora: the factor of what adapters add, before scaling; none: 16, or the loaded adapter's.", above=0.0
    )
    scaling: Literal["lora", "rslora"] | None = leaf(
        None, "lora: alpha is divided by the rank; rslora: by its root; none: lora, or the loaded adapter's."
    )
    targets: tuple[str, ...] | None = leaf(
        None,
        "lora: which linear layers, as patterns of the last parts of their names, or all-linear; none: queries and "
        "values.",
    )
    modules_to_save: tuple[str, ...] | None = leaf(
        None, "lora: modules that train whole beside the head, as patterns of the last parts of their names."
    )
    dropout: float | None = leaf(
        None, "lora: dropout of what adapters read; none: 0, or the loaded adapter's.", minimum=0.0, maximum=0.9
    )

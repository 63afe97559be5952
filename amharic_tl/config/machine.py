"""How devices are laid out, and what is written beside the files of every run."""

from __future__ import annotations

from dataclasses import dataclass

from amharic_tl.config.leaf import leaf


@dataclass(frozen=True)
class MeshConfig:
    """How devices are laid out. The product must equal the number of devices."""

    data: int | None = leaf(None, "Data-parallel devices; none: all that fsdp and tensor leave.", minimum=1)
    fsdp: int = leaf(1, "Devices over which parameters and optimiser state are sharded.", minimum=1)
    tensor: int = leaf(1, "Devices over which matrix products are split.", minimum=1)


@dataclass(frozen=True)
class OutputConfig:
    """What is written beside the contract's files."""

    compilation_cache: str | None = leaf(
        None,
        "A folder in which compiled programmes are kept, and taken from in the next run; none: where "
        "JAX_COMPILATION_CACHE_DIR says, or nowhere.",
    )
    tensorboard: bool = leaf(True, "Write tensorboard/ too.")
    export: bool = leaf(True, "Write the best model as a Hugging Face directory to export/ at the end.")
    baselines: bool = leaf(True, "Train the TF-IDF line and the constant class beside the model.")

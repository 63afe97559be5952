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
    processes: int | None = leaf(
        None,
        "Processes of the job, one a host or a device; none: $JAX_NUM_PROCESSES, or what SLURM, Open MPI, Kubernetes "
        "or Cloud TPU say; 1: this one alone, whatever they say.",
        minimum=1,
    )
    process_id: int | None = leaf(
        None, "Which of them this one is, from 0; none: $JAX_PROCESS_ID, or what the cluster says.", minimum=0
    )
    coordinator: str | None = leaf(
        None,
        "HOST:PORT of process 0, where the processes meet; none: $JAX_COORDINATOR_ADDRESS, or what the cluster says.",
    )
    join_within: int = leaf(300, "Seconds within which all processes must have come (75).", minimum=1)
    heartbeat: int = leaf(
        100, "Seconds of silence after which a process counts as dead, and the others stop (75).", minimum=2
    )


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
    keep_for_attribution: int | None = leaf(
        None,
        "Keep the trained parameters of every so many-th evaluation and of the last, for amharic-tl attribute; none: "
        "it reads the best and the last checkpoints.",
        minimum=1,
    )

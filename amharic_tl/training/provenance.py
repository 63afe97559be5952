"""Where a run comes from: command, versions, code, settings of XLA and JAX, machine. For run.json and the report."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import jax

from amharic_tl import __version__
from amharic_tl.training.code_state import CodeState

_VERSIONS = (
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "grain",
    "transformers",
    "tokenizers",
    "numpy",
    "scikit-learn",
)
# Variables that change what is computed, or how; those that name folders or machines are nobody else's affair.
_VARIABLES = re.compile(r"(XLA|JAX|LIBTPU|NVIDIA_TF32|CUBLAS|CUDNN|NCCL|OMP|MKL)_\w*")
_PRIVATE = re.compile(r"_(DIR|PATH|HOME|ADDRESS|HOSTS?|URL|TOKEN|KEY)$")
_JAX_SETTINGS = (
    "jax_default_dtype_bits",
    "jax_default_matmul_precision",
    "jax_default_prng_impl",
    "jax_disable_jit",
    "jax_enable_x64",
    "jax_numpy_dtype_promotion",
    "jax_platforms",
    "jax_threefry_partitionable",
)


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def command_line() -> str:
    """The command of this process, as one could type it again."""
    words = list(sys.argv)
    if Path(words[0]).name == "amharic-tl" or Path(words[0]).parts[-2:] == ("amharic_tl", "__main__.py"):
        words[0] = "amharic-tl"
    return shlex.join(words)


def provenance(seed: int, code: CodeState, fingerprints: dict[str, Any]) -> dict[str, Any]:
    """What run.json says of where the run comes from. No host names, no user names.

    Args:
      seed: of the run.
      code: what is executed.
      fingerprints: of data, tokenizer and model.
    """
    devices = jax.devices()
    return {
        "command": command_line(),
        "package_version": __version__,
        **code.summary(),
        "fingerprints": fingerprints,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "versions": {name: _version(name) for name in _VERSIONS},
        "variables": {
            name: value
            for name, value in sorted(os.environ.items())
            if _VARIABLES.fullmatch(name) and not _PRIVATE.search(name)
        },
        "jax_config": {name: getattr(jax.config, name, None) for name in _JAX_SETTINGS},
        "devices": {"kind": devices[0].device_kind, "platform": devices[0].platform, "count": len(devices)},
        "cpu": {"model": _cpu(), "count": os.cpu_count()},
        "processes": jax.process_count(),
        "seed": seed,
        "started": now(),
    }


def session(origin: dict[str, Any]) -> dict[str, Any]:
    """What may differ between the sessions of a run that is interrupted and gone on with."""
    git = origin["git"] or {}
    return {
        "began": now(),
        "commit": git.get("commit"),
        "diff_sha256": git.get("diff", {}).get("sha256"),
        "packages_sha256": origin["packages"]["sha256"],
        "devices": origin["devices"],
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpu() -> str | None:
    """The processor's name where Linux tells it: sums of floats differ between instruction sets."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        return None
    return found[1].strip() if found else None

"""What each implementation of attention can do, as data, and the choice among them, as a pure function of what a call
asks and where it runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import jax

from amharic_tl.distributed.mesh import AXES, BATCH_AXES
from amharic_tl.errors import ConfigError

# What a config or ``from_pretrained`` may ask for; "auto" is the first path that serves, or else "xla".
CHOICES = ("auto", "xla", "cudnn", "tpu-flash")

Feature = Literal["hidden keys", "causal", "window", "score bias", "soft-cap", "dropout", "cache"]


@dataclass(frozen=True)
class Request:
    """What one call asks for. All of it is known while a program is traced.

    Attributes:
      dtype: of queries, keys and values.
      batch: rows.
      queries: how many in a row.
      keys: how many in a row.
      heads: of the queries.
      key_heads: of the keys, fewer in grouped-query attention.
      head_size: of all of them.
      features: what else: ``hidden keys`` (padding, other documents), ``causal``, ``window`` (of any layer), ``score
        bias`` (relative positions), ``soft-cap``, ``dropout`` (of the probabilities, while training) and ``cache``
        (decoding).
    """

    dtype: str
    batch: int
    queries: int
    keys: int
    heads: int
    key_heads: int
    head_size: int
    features: frozenset[Feature] = frozenset()


@dataclass(frozen=True)
class Machine:
    """Where a call runs.

    Attributes:
      platform: ``cpu``, ``cuda``, ``rocm`` or ``tpu``.
      capability: the compute capability of an NVIDIA GPU.
      axes: the mesh's axes of more than one device and how many each has; empty for one device.
      is_auto: whether the compiler splits arrays over these axes (``AxisType.Auto``), which it does not for kernels.
    """

    platform: str
    capability: tuple[int, int] | None = None
    axes: tuple[tuple[str, int], ...] = ()
    is_auto: bool = True

    @property
    def batch_shards(self) -> int:
        """Over how many devices the rows of a batch are split."""
        return math.prod(extent for name, extent in self.axes if name in BATCH_AXES)

    @property
    def head_shards(self) -> int:
        """Over how many devices the heads are split."""
        return math.prod(extent for name, extent in self.axes if name not in BATCH_AXES)


@dataclass(frozen=True)
class Path:
    """What an implementation can do.

    Attributes:
      name: as in :data:`CHOICES`.
      platform: where it runs.
      needs: that platform, in words.
      dtypes: of queries, keys and values.
      lacks: what it does not honour, and what to do about it.
      head_multiple: of which the size of a head must be one.
      largest_head: on a machine of any kind.
      largest_head_of: on machines of a capability (its major number), where it differs.
      oldest: the lowest compute capability; None: any.
      masked_lengths: where keys are hidden, lengths must be a multiple of this.
      masked_remainder: where keys are hidden, what the number of keys modulo 128 must not be; None: anything.
      shortest: fewer queries than this are left to XLA, unless this path is asked for by name.
    """

    name: str
    platform: str
    needs: str
    dtypes: tuple[str, ...]
    lacks: Mapping[Feature, str]
    head_multiple: int
    largest_head: int
    largest_head_of: Mapping[int, int]
    oldest: tuple[int, int] | None = None
    masked_lengths: int = 1
    masked_remainder: int | None = None
    shortest: int = 1


_NO_DROPOUT = "it drops no attention probabilities; model.dropout=0 trains without dropout"
_NO_CACHE = "decoding reads a cache with a few queries at a time"

# The order is that of preference; each has a platform of its own.
PATHS: tuple[Path, ...] = (
    Path(
        name="cudnn",
        platform="cuda",
        needs="an NVIDIA GPU",
        dtypes=("bfloat16", "float16"),
        lacks={
            "score bias": "it would round the bias of the scores (relative positions) to bfloat16",
            "soft-cap": "it does not cap scores",
            "dropout": _NO_DROPOUT,
            "cache": _NO_CACHE,
        },
        head_multiple=8,
        # Of the backward pass, cuDNN's table of support (documentation of its attention operation, version 9.18).
        largest_head=128,
        largest_head_of={9: 256},
        oldest=(8, 0),
        # jax refuses the gradient of a masked call of odd length; and where 64 keys are left over, cuDNN 9 has been
        # seen to make NaN of the gradient of a masked row (github.com/pytorch/pytorch, issue 196678).
        masked_lengths=2,
        masked_remainder=64,
    ),
    Path(
        name="tpu-flash",
        platform="tpu",
        needs="a TPU",
        dtypes=("bfloat16", "float32"),
        lacks={
            "score bias": "its kernel adds no bias to the scores (relative positions)",
            "dropout": _NO_DROPOUT,
            "cache": _NO_CACHE,
        },
        head_multiple=8,
        largest_head=256,
        largest_head_of={},
        # Shorter ones would be padded to this.
        shortest=128,
    ),
)


def refusal(path: Path, request: Request, machine: Machine, by_name: bool = False) -> str | None:
    """Why ``path`` cannot serve ``request`` on ``machine``; None: it can. ``by_name``: the user asked for it."""
    if machine.platform != path.platform:
        return f"it needs {path.needs}, this is {machine.platform}"
    if path.oldest and machine.capability and machine.capability < path.oldest:
        found = ".".join(map(str, machine.capability))
        return f"it needs compute capability {path.oldest[0]}.{path.oldest[1]}, this GPU has {found}"
    for feature, reason in path.lacks.items():
        if feature in request.features:
            return reason
    if request.dtype not in path.dtypes:
        return f"it computes in {' or '.join(path.dtypes)}, this is {request.dtype} (model.compute_dtype)"
    return _refused_shape(path, request, machine, by_name) or _refused_mesh(request, machine)


def _refused_shape(path: Path, request: Request, machine: Machine, by_name: bool) -> str | None:
    largest = path.largest_head_of.get(machine.capability[0] if machine.capability else 0, path.largest_head)
    if request.head_size % path.head_multiple or request.head_size > largest:
        return f"its heads are multiples of {path.head_multiple} up to {largest}, these have {request.head_size}"
    if not by_name and request.queries < path.shortest:
        return f"{request.queries} queries are fewer than the {path.shortest} of one of its blocks"
    if not _is_masked(request):
        return None
    if request.queries % path.masked_lengths or request.keys % path.masked_lengths:
        return (
            f"with a mask its lengths are multiples of {path.masked_lengths}, these are {request.queries} and "
            f"{request.keys}"
        )
    if path.masked_remainder is not None and request.keys % 128 == path.masked_remainder:
        return (
            f"with a mask its gradient is not safe at {request.keys} keys, a multiple of 128 and "
            f"{path.masked_remainder} more"
        )
    return None


def _is_masked(request: Request) -> bool:
    """Whether cuDNN must read a mask: it is more than the causal order, perhaps in a window."""
    return "hidden keys" in request.features or ("window" in request.features and "causal" not in request.features)


def _refused_mesh(request: Request, machine: Machine) -> str | None:
    """Kernels run on one device; over several they are split by rows and heads."""
    if not machine.axes:
        return None
    unknown = [name for name, _ in machine.axes if name not in AXES]
    if unknown or not machine.is_auto:
        return f"it is split over a mesh of Auto axes named {', '.join(AXES)}, this one has {machine.axes}"
    if request.batch % machine.batch_shards:
        return f"{request.batch} rows cannot be split over the {machine.batch_shards} devices of data x fsdp"
    if request.heads % machine.head_shards or request.key_heads % machine.head_shards:
        return (
            f"{request.heads} heads of queries and {request.key_heads} of keys cannot be split over "
            f"{machine.head_shards} devices (mesh.tensor)"
        )
    return None


def choose(request: Request, machine: Machine, asked: str = "auto") -> tuple[str, dict[str, str]]:
    """The path that serves a call, and for every other one but XLA why it is not taken.

    Decoding runs on XLA whatever is asked: no path has a kernel for it.

    Raises:
      ConfigError: the path that was asked for cannot serve the call, or there is none of that name.
    """
    if asked not in CHOICES:
        raise ConfigError(f"attention: expected one of {', '.join(CHOICES)}, found {asked!r}")
    refused: dict[str, str] = {}
    chosen = "xla"
    for path in PATHS:
        reason = refusal(path, request, machine, by_name=asked == path.name)
        if asked == path.name and reason is not None and "cache" not in request.features:
            raise ConfigError(
                f"config.model.attention: {asked} cannot serve this model here: {reason}; auto takes the fastest path "
                "that can"
            )
        if reason is not None:
            refused[path.name] = reason
        elif asked in ("auto", path.name) and chosen == "xla":
            chosen = path.name
        else:
            refused[path.name] = f"{asked} was asked for"
    return chosen, refused


def machine_of(array: jax.Array) -> Machine:
    """Where a traced or concrete array is computed: on the mesh that its sharding names, or on the default device."""
    mesh = jax.typeof(array).sharding.mesh
    device = getattr(jax.config, "jax_default_device", None) or jax.devices()[0]
    platform = mesh.abstract_device.platform if not mesh.empty and mesh.abstract_device else None
    platform = platform or (device if isinstance(device, str) else device.platform)
    if platform == "gpu":
        platform = "rocm" if "rocm" in jax.devices()[0].client.platform_version else "cuda"
    capability = None
    if platform == "cuda" and hasattr(jax.devices()[0], "compute_capability"):
        major, minor = str(jax.devices()[0].compute_capability).split(".")
        capability = (int(major), int(minor))
    manual = set(mesh.manual_axes)
    axes = tuple((name, extent) for name, extent in mesh.shape.items() if extent > 1 and name not in manual)
    return Machine(platform, capability, axes, not mesh.explicit_axes)

"""What a step would send and how long it would take, by formula: nothing is compiled, so that any mesh can be asked."""

from __future__ import annotations

import math
from dataclasses import replace

from flax import nnx

from amharic_tl.distributed.traffic import Sizes, sent
from amharic_tl.models.attention import only_xla
from amharic_tl.models.remat import without_remat
from amharic_tl.studies.plan.chips import Chip
from amharic_tl.studies.plan.outlined import Outlined
from amharic_tl.studies.plan.roofline import StepTime, Work, step_time, traffic
from amharic_tl.training.flops import count_flops

_FLOAT32 = 4
# Bytes of activations that a block keeps for each token and feature, products in 2 bytes (Korthikanti et al. 2022,
# equation 1, without the scores of attention); with train.remat=full its float32 input alone.
_KEPT, _KEPT_INPUT = 34, 4


def sizes_of(outlined: Outlined) -> Sizes:
    """What of a step decides how much it sends, where its mesh has an axis ``fsdp`` of more than one device.

    A head that is the word table is gathered once, since its gradient is made in the forward pass, and counts as half
    of the two passes; its gradient is reduced as that of other matrices is.
    """
    state, batch = outlined.step.state, outlined.step.arguments[1]
    rows, length = batch["input_ids"].shape
    matrices = trained = copied = 0.0
    tables: list[tuple[float, bool, int]] = []
    blocks = 0
    for tree, learns in ((state.trainable, True), (state.frozen, False)):
        for _, variable in nnx.to_flat_state(tree):
            leaf, metadata = variable.get_value(), variable.get_metadata()
            size = float(_FLOAT32 * math.prod(leaf.shape))
            if metadata["layers"] is not None and learns:
                blocks = max(blocks, metadata["layers"][-1] + 1)
            if metadata.get("flax_leaf") == "embedding":
                tables.append((size, learns, leaf.shape[-1]))
            elif "fsdp" in tuple(leaf.sharding.spec):
                matrices, trained = matrices + size, trained + size * learns
            else:
                copied += size * learns
    words = max(tables)  # the others are positions and types
    if outlined.config.task.kind.endswith("-lm"):
        matrices, trained = matrices + words[0] / 2, trained + words[0] * words[1]
    activations = float(_FLOAT32 * rows * length * words[2])
    looked_up = sum(size * learns for size, learns, _ in tables)
    return Sizes(matrices, 2, trained, copied, looked_up, activations, 4 * blocks + 1, 2)


def expected(outlined: Outlined, extents: tuple[int, int, int], rows: int, chip: Chip) -> tuple[Work, StepTime]:
    """The work of an update over ``data x fsdp x tensor`` and its time on chips of a kind.

    Args:
      outlined: the step of some rows, on a mesh with an axis ``fsdp``.
      extents: of the mesh that is asked about.
      rows: of the batch there; work grows with it.
      chip: each device.
    """
    config, step = outlined.config, outlined.step
    batch_rows, length = step.arguments[1]["input_ids"].shape
    with only_xla():
        flops = count_flops(step.untraced(), *step.arguments)
        with without_remat():
            model_flops = count_flops(step.untraced(), *step.arguments)
    data, fsdp, tensor = extents
    devices, grown = data * fsdp * tensor, rows / batch_rows
    sizes = sizes_of(outlined)
    sizes = replace(sizes, activations=sizes.activations * grown)
    along = sent(sizes, *extents, scattered=True)
    everything = sizes.matrices + sizes.tables + sizes.copied
    learned = (sizes.trained + sizes.tables + sizes.copied) / (fsdp * tensor)
    kept = (_KEPT_INPUT if config.train.remat == "full" else _KEPT) / _FLOAT32
    blocks = (sizes.sums - 1) // 4
    moved = traffic(
        int(everything / tensor),
        int(learned),
        int(2 * learned),
        int(kept * blocks * sizes.activations / devices),
        1,
        flops > model_flops,
    )
    work = Work(round(model_flops * grown), round(flops * grown), moved, sum(along.values()), round(rows * length))
    return work, step_time(work, chip, devices, config.model.compute_dtype)


def layout_of(devices: int, most: int) -> tuple[int, int, int]:
    """``data x fsdp x tensor`` with ``fsdp`` over as many devices as there are, up to ``most``."""
    fsdp = math.gcd(devices, most)
    return devices // fsdp, fsdp, 1

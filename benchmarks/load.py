"""Loading a 1 GB checkpoint beside a plain read of its file: time, interleaved, and peak memory in a fresh process.

    python benchmarks/load.py                # prints; benchmarks/load.txt keeps what it printed
    python benchmarks/load.py --format flax

The checkpoint has the shape of XLM-R base (250,002 tokens) and is made on the spot in a temporary directory. Every
round runs in a process of its own, in which the model is loaded for the first time: tracing is part of the time,
importing and starting JAX are not. The file is in the page cache for both.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from environment import describe

CONFIG = {
    "model_type": "xlm-roberta", "architectures": ["XLMRobertaForMaskedLM"], "vocab_size": 250_002, "hidden_size": 768,
    "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072, "max_position_embeddings": 514,
    "type_vocab_size": 1, "pad_token_id": 1, "layer_norm_eps": 1e-5,
}  # fmt: skip
BOUND = 1.5


def make(folder: Path, form: str) -> Path:
    """Writes the checkpoint: noise under the right names. Returns the file of weights."""
    import jax
    import numpy as np
    from flax import nnx

    from amharic_tl.models.naming import named_parameters
    from amharic_tl.models.registry import family_of

    family = family_of(CONFIG, "config")
    views = named_parameters(nnx.eval_shape(lambda: family.build(CONFIG, "masked-lm", jax.random.key(0))))
    noise = np.random.default_rng(0).normal(0, 0.02, 1_000_003).astype(np.float32)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    if form == "safetensors":
        from safetensors.numpy import save_file

        arrays = {name: np.resize(noise, view.shape) for name, view in views.items()}
        save_file(arrays, folder / "model.safetensors", metadata={"format": "pt"})
        return folder / "model.safetensors"
    from flax import serialization, traverse_util

    leaves = {
        view.flax_name: np.resize(noise, view.shape[::-1] if view.flax_leaf == "kernel" else view.shape)
        for view in views.values()
    }
    tree = traverse_util.unflatten_dict(leaves, sep="/")
    (folder / "flax_model.msgpack").write_bytes(serialization.msgpack_serialize(tree, in_place=True))
    return folder / "flax_model.msgpack"


def memory(name: str) -> int:
    """Bytes in memory: ``VmRSS`` now, ``VmHWM`` at the peak."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), flags=re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def measure(what: str, path: Path) -> dict[str, float]:
    """One round, in this process: seconds, and bytes at the peak beyond those before."""
    if what == "load":
        import jax

        import amharic_tl as atl
        from amharic_tl.models import interchange, registry  # noqa: F401  imports are no part of the time

        jax.devices()
    before = memory("VmRSS")
    began = time.perf_counter()
    if what == "read":
        kept: Any = path.read_bytes()
        stays = len(kept)
    else:
        kept = atl.from_pretrained(str(path.parent), "masked-lm")
        arrays = {id(view.stored): view.stored for view in atl.named_parameters(kept).values()}
        stays = sum(array.nbytes for array in jax.block_until_ready(list(arrays.values())))
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "peak": memory("VmHWM") - before, "stays": stays}


def in_a_process(what: str, path: Path) -> dict[str, float]:
    """A round in a process of its own."""
    command = [sys.executable, __file__, "--measure", what, "--path", str(path)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> int:
    """Returns 1 where loading took more than the bound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--format", choices=["safetensors", "flax"], default="safetensors")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--measure", choices=["read", "load"], help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.path)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = make(Path(folder), arguments.format)
        print(describe())
        print(f"{path.name}: {path.stat().st_size / 1e9:.2f} GB")
        in_a_process("read", path)
        rounds = [(in_a_process("read", path), in_a_process("load", path)) for _ in range(arguments.rounds)]
    for read, load in rounds:
        print(f"read {read['seconds']:.3f} s   load {load['seconds']:.3f} s   {load['seconds'] / read['seconds']:.2f}")
    ratio = statistics.median(load["seconds"] / read["seconds"] for read, load in rounds)
    peak, stays = max(load["peak"] for _, load in rounds), rounds[0][1]["stays"]
    largest = CONFIG["vocab_size"] * CONFIG["hidden_size"] * 4
    print(f"median ratio {ratio:.2f}, bound {BOUND}")
    more = peak - stays
    print(f"peak memory of loading {peak / 1e9:.3f} GB, of which stay {stays / 1e9:.3f} GB", end="; ")
    print(f"beyond that {more / 1e9:.3f} GB, which is {more / largest:.2f} of the largest tensor (bound 1.2)")
    return 0 if ratio <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())

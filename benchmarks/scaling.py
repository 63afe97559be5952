"""FLOPs, bytes and predicted step time of XLM-R-base, XLM-R-large and a 1B causal model on 1 to 256 TPU v5e chips.

    python benchmarks/scaling.py [--compile v5e:4x4 ...]   # benchmarks/results/ keeps what it printed

Weak scaling: the rows of a chip stay, the batch grows. FLOPs are counted from the step's jaxpr, what is sent is the
formula of amharic_tl/distributed/traffic.py (a test holds compiled programmes against it), the time is a roofline's:
nothing here was run on a TPU. ``--compile`` compiles the step for slices instead, where libtpu is installed (extra
tpu-plan), and prints formula and programme beside each other.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from compare_hf import LLAMA_1B, xlm_r
from environment import describe

CHIPS = (1, 4, 16, 64, 256)
SHARDED = 16  # devices over which one copy of the model lies, at most
RESULTS = Path(__file__).parent / "results"
MODELS: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "XLM-R-base": (xlm_r(768, 12), {"data.max_length": 256}, 16),
    "XLM-R-large": (xlm_r(1024, 24), {"data.max_length": 256}, 16),
    "1B causal": (
        LLAMA_1B,
        {
            "task.kind": "causal-lm", "train.select_by": "validation/loss", "data.max_length": 2048,
            "train.remat": "full",
        },
        4,
    ),
}  # fmt: skip


def config_of(name: str, folder: Path, rows: int, fsdp: int) -> Any:
    """The config of a model in ``folder``, of which a config.json is written."""
    from amharic_tl.config import build_config

    hf, more, _ = MODELS[name]
    place = folder / name.replace(" ", "-")
    place.mkdir(exist_ok=True)
    (place / "config.json").write_text(json.dumps(hf), encoding="utf-8")
    fixed = {"model.path": str(place), "model.compute_dtype": "bfloat16", "mesh.fsdp": fsdp, "train.batch_size": rows}
    return build_config({**fixed, **more})


def predicted(folder: Path) -> list[dict[str, Any]]:
    """A row for each model and number of chips."""
    import jax

    from amharic_tl.studies.plan.chips import CHIPS as KINDS
    from amharic_tl.studies.plan.expected import expected, layout_of
    from amharic_tl.studies.plan.outlined import outline_run

    found = []
    for name, (_, _, rows) in MODELS.items():
        outlined = outline_run(config_of(name, folder, 2 * rows, 2), jax.devices()[:2])
        for chips in CHIPS:
            layout = layout_of(chips, SHARDED)
            work, time = expected(outlined, layout, rows * chips, KINDS["v5e"])
            found.append(
                {
                    "model": name, "chips": chips, "layout": "x".join(map(str, layout)), "tokens": work.tokens,
                    "flops": work.model_flops, "sent": work.sent, "least": time.least, "most": time.most,
                    "mfu": time.mfu_most, "lowest_mfu": time.mfu_least, "bound": time.bound,
                    "tokens_per_second": work.tokens / time.most,
                }
            )  # fmt: skip
    return found


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Bounds of an update's time by chips, a panel a model."""
    import altair as alt

    chart = alt.Chart(alt.Data(values=rows))
    x = alt.X("chips:Q", scale=alt.Scale(type="log", base=2), title="v5e chips (rows a chip stay)")
    seconds = alt.Y("least:Q", title="seconds an update: least to most", scale=alt.Scale(zero=True))
    band = chart.mark_area(opacity=0.35).encode(x=x, y=seconds, y2="most:Q")
    line = chart.mark_line(point=True).encode(x=x, y="most:Q")
    whole = alt.layer(band, line).properties(width=220, height=180).facet(column=alt.Column("model:N", title=None))
    whole.resolve_scale(y="independent").properties(title="Predicted, not run").save(str(path))


def compiled(slices: list[str], folder: Path) -> None:
    """What the TPU compiler makes of the same steps, a line each."""
    from amharic_tl.studies.plan.candidate import consider
    from amharic_tl.studies.plan.expected import expected, layout_of
    from amharic_tl.studies.plan.topology import devices_of, parse_topology

    print(f"{'compiled':12} {'slice':>11} {'GiB':>6} {'sent MB':>9} {'formula':>9} {'least ms':>9} {'most ms':>9}")
    for text in slices:
        topology = parse_topology(text)
        for name, (_, _, rows) in MODELS.items():
            layout = layout_of(topology.count, SHARDED)
            config = config_of(name, folder, rows * topology.count, layout[1])
            found = consider(config, {}, topology, devices_of(topology), None)
            work, _ = expected(found.outlined, layout, rows * topology.count, topology.chip)
            time = found.time
            print(
                f"{name:12} {text:>11} {found.compiled.memory.total / 2**30:6.2f} {found.work.sent / 1e6:9,.0f} "
                f"{work.sent / 1e6:9,.0f} {1e3 * time.least:9.1f} {1e3 * time.most:9.1f}"
                if time is not None
                else f"{name:12} {text:>11} refused for its memory: {found.compiled.memory.total / 2**30:.2f} GiB",
                flush=True,
            )


def main() -> int:
    """Prints the table and draws it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compile", nargs="+", default=None, metavar="SLICE")
    parser.add_argument("--plot", type=Path, default=RESULTS / "scaling.svg")
    arguments = parser.parse_args()
    from amharic_tl.studies.plan.topology import environment, parse_topology

    os.environ.update(environment(parse_topology((arguments.compile or ["cpu:2"])[0]), os.environ))
    print(describe("flax"))
    with tempfile.TemporaryDirectory() as folder:
        if arguments.compile:
            compiled(arguments.compile, Path(folder))
            return 0
        rows = predicted(Path(folder))
    print(
        f"{'model':12} {'chips':>5} {'layout':>9} {'tokens':>10} {'TFLOP':>9} {'sent MB':>9} {'least ms':>9} "
        f"{'most ms':>8} {'MFU':>11}  bound"
    )
    for row in rows:
        print(
            f"{row['model']:12} {row['chips']:5} {row['layout']:>9} {row['tokens']:10,} {row['flops'] / 1e12:9,.1f} "
            f"{row['sent'] / 1e6:9,.0f} {1e3 * row['least']:9.1f} {1e3 * row['most']:8.1f} "
            f"{row['lowest_mfu']:5.0%}-{row['mfu']:4.0%}  {row['bound']}"
        )
    plot(rows, arguments.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())

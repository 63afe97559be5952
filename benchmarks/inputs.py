"""The input side: tokens a second that one core reads, tokenises and packs, padding of real sets, and how long a step
waits for data.

    python benchmarks/inputs.py   # benchmarks/results/inputs.txt keeps what it printed

Aims: 200,000 tokens a second on one core, at most 5% padding on AfriSenti and the Ethiopian News Headlines, a wait
under 1% of the time of a step of the bundled base (4 layers of 256).
"""

from __future__ import annotations

import os

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import argparse  # noqa: E402
import csv  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402

from arms import headlines, shared, wiki  # noqa: E402
from environment import describe  # noqa: E402

AIM_TOKENS, AIM_PADDING, AIM_WAIT = 200_000, 0.05, 0.01
ROWS, LENGTH = 32, 128


def tweets(split: str = "train") -> list[str]:
    """Texts of AfriSenti's Amharic part."""
    with (shared() / "data" / "afrisenti" / f"{split}.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row.get("tweet") or row["text"] for row in rows]


def tokens_per_second(characters: int, rounds: int) -> None:
    """Packing a running text, on one core."""
    from amharic_tl.data.batches import Batches, BatchPlan
    from amharic_tl.data.packing import documents, pack
    from amharic_tl.data.tokenizer import load_tokenizer
    from amharic_tl.models.interchange.locate import locate

    tokenizer, texts = load_tokenizer(locate("amharic-tiny")), wiki(characters)
    documents(tokenizer, texts[:200])
    everywhere = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    if everywhere:
        os.sched_setaffinity(0, {min(everywhere)})
    of_clock, of_core = [], []
    for _ in range(rounds):
        began = time.perf_counter(), time.process_time()
        packed = pack(documents(tokenizer, texts), LENGTH)
        import numpy as np

        rows = packed.rows
        plan = BatchPlan(np.asarray([len(row) for row in rows]), ROWS, 0)
        batches = Batches(plan, rows, tokenizer.pad_token_id, packed.fields())
        for step in range(len(batches)):
            batches[step]
        of_clock.append(len(packed.tokens) / (time.perf_counter() - began[0]))
        of_core.append(len(packed.tokens) / (time.process_time() - began[1]))
    if everywhere:
        os.sched_setaffinity(0, everywhere)
    _say(
        f"tokenised, packed and batched: {max(of_core):,.0f} tokens a second of one core ({max(of_clock):,.0f} by the "
        f"clock), {len(packed.tokens):,} tokens, best of {rounds}",
        max(of_core) >= AIM_TOKENS,
    )


def padding(name: str, texts: Callable[[], list[str]]) -> None:
    """Padding of a set in buckets, in batches of 32."""
    from amharic_tl.data.batches import BatchPlan
    from amharic_tl.data.tokenizer import encode, load_tokenizer
    from amharic_tl.models.interchange.locate import locate

    ids = encode(load_tokenizer(locate("amharic-tiny")), texts(), LENGTH).ids
    import numpy as np

    lengths = np.asarray([len(one) for one in ids])
    for said, plan in (
        ("", BatchPlan(lengths, ROWS, 0)),
        (", data.buckets=24", BatchPlan(lengths, ROWS, 0, buckets=24)),
    ):
        share = plan.padding_share()
        about = f"{len(ids):,} rows of {lengths.mean():.0f} tokens in {len(plan.buckets)} lengths{said}"
        _say(f"padding of {name}: {share:.2%}, {about}", share <= AIM_PADDING)


def wait() -> None:
    """Waiting of the bundled base's training steps."""
    from amharic_tl.config import build_config
    from amharic_tl.studies.bench.study import bench

    data = str(shared() / "data" / "afrisenti")
    config = build_config(
        {
            "model.path": "amharic-tiny", "data.train": f"{data}/train.tsv", "data.validation": f"{data}/dev.tsv",
            "data.text": "tweet", "data.gates": None, "train.batch_size": ROWS,
        }
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        found = bench(config, Path(folder) / "bench", 40, probe=False)
    _say(
        f"waiting for data: {found['data_wait_share']:.3%} of {found['steps']} steps of "
        f"{found['step_seconds']['median']:.3f} s ({found['tokens_per_second']:,.0f} tokens a second)",
        found["data_wait_share"] < AIM_WAIT,
    )


def _say(text: str, met: bool) -> None:
    print(f"{text}: aim {'met' if met else 'missed'}", flush=True)


def main() -> int:
    """Prints a line for each aim."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--characters", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(describe("tokenizers", "grain"))
    tokens_per_second(arguments.characters, arguments.rounds)
    padding("AfriSenti (train)", tweets)
    padding("Ethiopian News Headlines (train, titles)", lambda: headlines("train"))
    padding("Ethiopian News Headlines (train, texts)", lambda: headlines("train", "text"))
    wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())

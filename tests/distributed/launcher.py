"""Runs jobs of several processes one after another, each as `amharic-tl train` does, after one import of everything.

usage: launcher.py FOLDER

FOLDER/jobs.json names jobs. A job: processes, words (behind `amharic-tl train`), workdir (in FOLDER); where given, its
workdir is copied to `keep` before; at `lines` of metrics.jsonl `signal` is sent to the process `to`; `sleeps` [N, n]:
process N stands still at its batch n. Prints JSON: by name codes, seconds from the signal (or beginning) to the
last end, CPU seconds, and what each process said.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

# Imported before the processes part, so that they need not.
import grain  # noqa: F401
import sklearn.feature_extraction.text
import sklearn.linear_model
import sklearn.model_selection  # noqa: F401
from orbax.checkpoint import v1  # noqa: F401
from transformers import AutoTokenizer, PreTrainedTokenizerFast  # noqa: F401

import amharic_tl.reports
import amharic_tl.run.training  # noqa: F401
from amharic_tl.cli.main import main

PATIENCE = 240.0  # of one job


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


# No pages: their charts take longer than the training.
mock.patch("amharic_tl.reports.write_report").start()


def work(job: dict[str, Any], folder: Path, number: int, port: int) -> None:
    os.dup2(os.open(folder / f"log-{number}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
    os.dup2(1, 2)
    os.environ |= {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=1 --xla_backend_optimization_level=0",
        "JAX_SHARE_BINARY_BETWEEN_HOSTS": "1",  # process 0 compiles for all
        "JAX_SHARE_BINARY_BETWEEN_HOSTS_TIMEOUT_MS": "60000",
        "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
        "JAX_NUM_PROCESSES": str(job["processes"]),
        "JAX_PROCESS_ID": str(number),
    }
    sleeper, batch = job.get("sleeps", (None, 0))
    if sleeper == number:
        import amharic_tl.training.loop as loop

        put, calls = loop.put_batch, iter(range(10_000))

        def standing_still(*given: Any) -> Any:
            if next(calls) == batch:
                time.sleep(1000)
            return put(*given)

        loop.put_batch = standing_still
    os._exit(main(["train", *job["words"], "--workdir", str(folder / job["workdir"])]))


def launch(job: dict[str, Any], folder: Path) -> dict[str, Any]:
    workdir, port = folder / job["workdir"], free_port()
    if "keep" in job:
        shutil.copytree(workdir, folder / job["keep"])
    pids = []
    for number in range(job["processes"]):
        pids.append(os.fork())
        if pids[-1] == 0:
            work(job, folder, number, port)
    began, sent, spent = time.monotonic(), None, resource.getrusage(resource.RUSAGE_CHILDREN)
    codes: dict[int, int] = {}
    while len(codes) < len(pids) and time.monotonic() - began < PATIENCE:
        for process in set(pids) - set(codes):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                codes[process] = os.waitstatus_to_exitcode(status)
        if "signal" in job and sent is None and lines_of(workdir / "metrics.jsonl") >= job["lines"]:
            os.kill(pids[job["to"]], job["signal"])
            sent = time.monotonic()
        time.sleep(0.01)
    for process in set(pids) - set(codes):
        os.kill(process, signal.SIGKILL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "codes": [codes.get(process) for process in pids],
        "seconds": time.monotonic() - (sent or began),
        "cpu": after.ru_utime + after.ru_stime - spent.ru_utime - spent.ru_stime,
        "said": [(folder / f"log-{number}").read_text(errors="replace") for number in range(len(pids))],
    }


def lines_of(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


if __name__ == "__main__":
    place = Path(sys.argv[1])
    jobs = json.loads((place / "jobs.json").read_text())
    print(json.dumps({name: launch(job, place) for name, job in jobs.items()}))

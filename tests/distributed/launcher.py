"""Runs jobs of several processes one after another, each as `amharic-tl train` does, after one import of everything.

usage: launcher.py JOBS.json

A job: processes, devices (of each), words (behind `amharic-tl train`), workdir; where given, at `lines` of
metrics.jsonl `signal` is sent to the process `to`; the process `sleeps` stands still at its third batch. Prints a JSON
list: codes, seconds from the signal to the last end, and what each process said.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

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

PATIENCE = 400.0


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def work(job: dict[str, Any], number: int, port: int, log: Path) -> None:
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT), 1)
    os.dup2(1, 2)
    os.environ |= {
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={job['devices']} --xla_backend_optimization_level=0",
        "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
        "JAX_NUM_PROCESSES": str(job["processes"]),
        "JAX_PROCESS_ID": str(number),
    }
    if job.get("sleeps") == number:
        import amharic_tl.training.loop as loop

        put, calls = loop.put_batch, iter(range(10_000))

        def standing_still(*given: Any) -> Any:
            if next(calls) == 2:
                time.sleep(1000)
            return put(*given)

        loop.put_batch = standing_still
    os._exit(main(["train", *job["words"], "--workdir", job["workdir"]]))


def launch(job: dict[str, Any], folder: Path) -> dict[str, Any]:
    port = free_port()
    logs = [folder / f"log-{number}" for number in range(job["processes"])]
    running: dict[int, int] = {}
    for number, log in enumerate(logs):
        process = os.fork()
        if process == 0:
            work(job, number, port, log)
        running[process] = number
    pids = {number: process for process, number in running.items()}
    metrics, began, sent = Path(job["workdir"]) / "metrics.jsonl", time.monotonic(), None
    codes: dict[int, int] = {}
    while running and time.monotonic() - began < PATIENCE:
        for process in list(running):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                codes[running.pop(process)] = os.waitstatus_to_exitcode(status)
        lines = metrics.read_bytes().count(b"\n") if metrics.exists() else 0
        if "signal" in job and sent is None and lines >= job["lines"]:
            os.kill(pids[job["to"]], job["signal"])
            sent = time.monotonic()
        time.sleep(0.01)
    for process in running:
        os.kill(process, signal.SIGKILL)
    return {
        "codes": [codes.get(number) for number in range(job["processes"])],
        "seconds": time.monotonic() - (sent or began),
        "said": [log.read_text(errors="replace") for log in logs],
    }


if __name__ == "__main__":
    found = []
    for number, job in enumerate(json.loads(Path(sys.argv[1]).read_text())):
        found.append(launch(job, Path(tempfile.mkdtemp(prefix=f"job-{number}-"))))
    print(json.dumps(found))

"""Stands in for ``amharic-tl train``: takes the same arguments, leaves the same files, takes a moment.

What it does is said by ``model.path``: "ok", "exit-66", "die-once", "die", "save-once", "slow" (until it is told to
save, or finds a file "go").
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

arguments = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
config = json.loads(Path(arguments["--config"]).read_text(encoding="utf-8"))
workdir, what = Path(arguments["--workdir"]), config["model"]["path"]
data = config["data"]["train"]
if what == "exit-66" or (data and not Path(data).exists()):
    print("amharic-tl train: --config: there is no file train.csv", file=sys.stderr)
    sys.exit(66)
told = []
signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
checkpoints = workdir / "checkpoints"
resumed = checkpoints.exists()
checkpoints.mkdir(parents=True, exist_ok=True)
(workdir / "config.json").write_text(json.dumps(config))
with (workdir / "starts.txt").open("a") as file:
    file.write(f"{os.getpid()}\n")
if what == "die" or (what == "die-once" and not resumed):
    os.kill(os.getpid(), signal.SIGKILL)
if what == "save-once" and not resumed:
    sys.exit(75)
if what == "slow":
    step = max((int(path.name) for path in checkpoints.iterdir()), default=0)
    until = time.monotonic() + 30
    while not told and time.monotonic() < until and not (workdir / "go").exists():
        time.sleep(0.01)
    if not (workdir / "go").exists():
        (checkpoints / str(step + 1)).mkdir()
        sys.exit(75)
score = round(config["optim"]["lr"] * 100 + config["train"]["seed"] / 1000, 6)
final = {
    "validation": {"macro_f1": score, "loss": 1 - score},
    "test": {"macro_f1": score / 2, "f1/ሰላም": None},
    "test_clean": {"not_measured": "no row is left"},
}
temporary = workdir / ".run.json"
temporary.write_text(json.dumps({"status": "completed", "final": final}))
temporary.rename(workdir / "run.json")

"""Files for clusters: what they hold, that they fit their schema, and what the SLURM script does with exit codes."""

from __future__ import annotations

import copy
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from amharic_tl.cli.arguments import UsageError, parse
from amharic_tl.cli.launch import OPTIONS, WORDS, main, render
from amharic_tl.distributed.launch.jobset import check
from amharic_tl.distributed.launch.slurm import Slurm, slurm_script
from amharic_tl.errors import ConfigError

TRAIN = "--config classify --config.data.train=/data/train.csv --workdir /data/runs/a"


def _rendered(words: str) -> str:
    return render(parse(shlex.split(words), OPTIONS, words=WORDS))


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    return dict(yaml.safe_load(_rendered(f"jobset {TRAIN} --name am --hosts 4 --image im/age --claim shared --gpus 1")))


def test_a_jobset_tells_each_pod_its_place(manifest: dict[str, Any]) -> None:
    job = manifest["spec"]["replicatedJobs"][0]["template"]["spec"]
    assert job["parallelism"] == job["completions"] == 4
    container = job["template"]["spec"]["containers"][0]
    said = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert said["JAX_COORDINATOR_ADDRESS"] == "am-hosts-0-0.am:8476"
    assert said["JAX_NUM_PROCESSES"] == "4"
    assert container["command"][-1] == f"exec amharic-tl train {TRAIN}"


def test_a_jobset_starts_again_on_75_and_a_disruption_and_fails_on_what_would_come_again(
    manifest: dict[str, Any],
) -> None:
    job = manifest["spec"]["replicatedJobs"][0]["template"]["spec"]
    disruption, again, final = job["podFailurePolicy"]["rules"]
    assert (disruption["action"], disruption["onPodConditions"][0]["type"]) == ("Count", "DisruptionTarget")
    assert (again["action"], again["onExitCodes"]["values"]) == ("Count", [75])
    assert final["action"] == "FailJob"
    assert final["onExitCodes"]["values"] == [2, 65, 66, 70, 71, 73, 74, 77, 78]
    assert job["backoffLimit"] == 0  # one pod's failure is the Job's, and the JobSet starts all pods anew
    rule = manifest["spec"]["failurePolicy"]["rules"][0]
    assert (rule["action"], rule["onJobFailureReasons"]) == ("FailJobSet", ["PodFailurePolicy"])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "failurePolicy", "rules", 0, "action"), "Fail"),
        (("spec", "replicatedJobs", 0, "template", "spec", "podFailurePolicy", "rules", 1, "action"), "Restart"),
        (("spec", "replicatedJobs", 0, "template", "spec", "template", "spec", "restartPolicy"), "OnFailure"),
        (("spec", "replicatedJobs", 0, "template", "spec", "paralellism"), 4),
        (("apiVersion",), "jobset.x-k8s.io/v1"),
    ],
)
def test_the_schema_refuses_what_the_cluster_would(manifest: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    wrong = copy.deepcopy(manifest)
    inner: Any = wrong
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    check(manifest)
    with pytest.raises(jsonschema.ValidationError):
        check(wrong)


def test_pods_of_a_tpu_slice_take_their_place_from_gke() -> None:
    text = _rendered(
        f"jobset {TRAIN} --name am --hosts 4 --image im/age --tpu tpu-v5-lite-podslice --topology 4x4 --queue q"
    )
    found = yaml.safe_load(text)
    pod = found["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    assert pod["nodeSelector"]["cloud.google.com/gke-tpu-topology"] == "4x4"
    assert pod["containers"][0]["resources"]["limits"] == {"google.com/tpu": 4}
    assert "env" not in pod["containers"][0]
    assert found["metadata"]["labels"] == {"kueue.x-k8s.io/queue-name": "q"}


# Runs the command in every task, as srun does, and returns the largest code.
SRUN = """#!/bin/bash
shift
largest=0
for SLURM_PROCID in 0 1; do
  export SLURM_PROCID
  "$@" || { code=$?; [ $code -gt $largest ] && largest=$code; }
done
exit $largest
"""


@pytest.mark.parametrize(
    ("codes", "restarts", "ends", "requeued"),
    [("0 0", 0, 0, False), ("75 75", 3, 75, True), ("73 75", 0, 73, False), ("75 75", 100, 75, False)],
)
def test_the_slurm_script_queues_again_on_75_alone(
    codes: str, restarts: int, ends: int, requeued: bool, tmp_path: Path
) -> None:
    command = ["bash", "-c", f"codes=({codes}); exit ${{codes[$SLURM_PROCID]}}"]
    for name, text in (("srun", SRUN), ("scontrol", f'#!/bin/bash\necho "$@" > {tmp_path}/asked\n')):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    script = tmp_path / "script.sh"
    script.write_text(slurm_script(command, Slurm("am", nodes=2)))
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SLURM_SUBMIT_DIR": str(tmp_path),
        "SLURM_JOB_ID": "7",
        "SLURM_RESTART_COUNT": str(restarts),
    }
    assert subprocess.run(["bash", str(script)], env=environment).returncode == ends
    asked = tmp_path / "asked"
    assert asked.exists() is requeued
    if requeued:
        assert asked.read_text() == "requeue 7\n"
    assert not list(tmp_path.glob(".am-codes*"))


def test_a_script_asks_for_a_task_a_gpu_and_time_to_save() -> None:
    text = _rendered(f"slurm {TRAIN} --name am --nodes 2 --gpus 4 --time 2:00:00")
    for line in ("--nodes=2", "--ntasks-per-node=4", "--gpus-per-node=4", "--signal=TERM@180", "--time=2:00:00"):
        assert f"#SBATCH {line}\n" in text
    assert f"amharic-tl train {TRAIN}" in text


def test_a_script_for_tpu_vms_is_shell_and_goes_on_after_75(tmp_path: Path) -> None:
    gcloud = tmp_path / "gcloud"
    gcloud.write_text(f'#!/bin/bash\nprintf "%s\\n" "$@" >> {tmp_path}/asked\n')
    gcloud.chmod(0o755)
    script = tmp_path / "script.sh"
    script.write_text(_rendered(f"tpu-vm {TRAIN} --name slice --zone us-west4-a --setup 'source ~/venv/bin/activate'"))
    subprocess.run(["bash", str(script)], env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, check=True)
    asked = (tmp_path / "asked").read_text()
    assert "--worker=all" in asked and "--zone=us-west4-a" in asked
    assert f"amharic-tl train {TRAIN}" in asked and "-eq 75" in asked


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (f"slurm {TRAIN} --name am", UsageError, "--nodes is missing"),
        (f"slurm {TRAIN} --name am --nodes 2 --topology 4x4", UsageError, "--topology says nothing to slurm"),
        (f"mesos {TRAIN}", UsageError, "one of slurm, jobset, tpu-vm; found mesos"),
        (f"slurm {TRAIN} --name am --nodes two", UsageError, "--nodes: expected a whole number"),
        (f"slurm {TRAIN} --name am --nodes 5", ConfigError, "32 rows cannot be divided over 5 processes"),
        (f"jobset {TRAIN} --name Am --hosts 2 --image i", ConfigError, "--name: expected small letters"),
        (f"jobset {TRAIN} --name am --hosts 2 --image i --tpu v5e", ConfigError, "--tpu and --topology belong"),
    ],
)
def test_what_cannot_be_rendered_is_said(words: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        _rendered(words)


def test_the_verb_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(f"slurm {TRAIN} --name am --nodes 2")) == 0
    assert capsys.readouterr().out.startswith("#!/bin/bash\n#SBATCH --job-name=am\n")

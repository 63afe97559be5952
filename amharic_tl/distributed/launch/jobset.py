"""A JobSet (Kubernetes): one pod a host; all start again on 75 or a disruption and end for good on a user's mistake."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jsonschema
import yaml

from amharic_tl.distributed.discovery import COORDINATOR, PROCESS_ID, PROCESSES
from amharic_tl.distributed.launch.codes import AGAIN, GRACE, RESTARTS, final_codes
from amharic_tl.errors import ConfigError

PORT = 8476
_JOB, _CONTAINER = "hosts", "train"
_INDEX = "metadata.labels['batch.kubernetes.io/job-completion-index']"


@dataclass(frozen=True)
class JobSet:
    """What is asked of the cluster.

    Attributes:
      name: of the JobSet: a DNS label.
      hosts: pods. For a TPU slice its hosts, such as 4 for ``4x4`` chips of v5e.
      image: with amharic_tl in it.
      claim: the PersistentVolumeClaim (ReadWriteMany) with data, models and workdirs.
      mount: where its files are in the pod.
      tpu: GKE's name of the accelerator, such as ``tpu-v5-lite-podslice``; None: no TPU.
      topology: of the slice, such as ``4x4``.
      chips: of each host.
      gpus: of each host; 0 for none.
      queue: of Kueue; None: not queued.
    """

    name: str
    hosts: int
    image: str
    claim: str | None = None
    mount: str = "/data"
    tpu: str | None = None
    topology: str | None = None
    chips: int = 4
    gpus: int = 0
    queue: str | None = None


def jobset(command: Sequence[str], asked: JobSet) -> str:
    """The manifest (YAML) that runs ``command`` in every pod.

    Raises:
      ConfigError: a name that Kubernetes would refuse, a TPU without topology.
    """
    if not re.fullmatch(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", asked.name):
        raise ConfigError(f"--name: expected small letters, digits and -, at most 40, found {asked.name!r}")
    if (asked.tpu is None) is not (asked.topology is None):
        raise ConfigError("--tpu and --topology belong together: --tpu tpu-v5-lite-podslice --topology 4x4")
    manifest = {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {
            "name": asked.name,
            **({"labels": {"kueue.x-k8s.io/queue-name": asked.queue}} if asked.queue else {}),
            **(_one_pool() if asked.tpu else {}),
        },
        "spec": {
            "failurePolicy": {
                "maxRestarts": RESTARTS,
                "rules": [
                    {"name": "final", "action": "FailJobSet", "onJobFailureReasons": ["PodFailurePolicy"]},
                ],
            },
            "replicatedJobs": [{"name": _JOB, "replicas": 1, "template": {"spec": _job(command, asked)}}],
        },
    }
    check(manifest)
    return yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=120)


def check(manifest: Any) -> None:
    """Checks a manifest against the part of JobSet's schema that is used here.

    Raises:
      jsonschema.ValidationError: it does not fit.
    """
    jsonschema.validate(manifest, schema())


def schema() -> dict[str, Any]:
    """The part of the CRD that is used here, closed: a key that it does not know is refused."""
    text = (resources.files("amharic_tl.distributed.launch") / "jobset.schema.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def _one_pool() -> dict[str, Any]:
    return {"annotations": {"alpha.jobset.sigs.k8s.io/exclusive-topology": "cloud.google.com/gke-nodepool"}}


def _job(command: Sequence[str], asked: JobSet) -> dict[str, Any]:
    """One indexed Job. No pod is started again by itself, since the others would not know it: a failed one fails the
    Job, and the JobSet starts all anew.
    """
    return {
        "completionMode": "Indexed",
        "parallelism": asked.hosts,
        "completions": asked.hosts,
        "backoffLimit": 0,
        "podFailurePolicy": {
            "rules": [
                {"action": "Count", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                {
                    "action": "Count",
                    "onExitCodes": {"containerName": _CONTAINER, "operator": "In", "values": [AGAIN]},
                },
                {
                    "action": "FailJob",
                    "onExitCodes": {"containerName": _CONTAINER, "operator": "In", "values": final_codes()},
                },
            ]
        },
        "template": {"spec": _pod(command, asked)},
    }


def _pod(command: Sequence[str], asked: JobSet) -> dict[str, Any]:
    kind = "google.com/tpu" if asked.tpu else "nvidia.com/gpu"
    count = asked.chips if asked.tpu else asked.gpus
    container: dict[str, Any] = {
        "name": _CONTAINER,
        "image": asked.image,
        # exec: the signal reaches the run itself.
        "command": ["bash", "-c", f"exec {shlex.join(command)}"],
        # GKE tells pods on TPUs their places, as JAX reads them.
        **({} if asked.tpu else {"env": _environment(asked), "ports": [{"containerPort": PORT}]}),
        **({"resources": {"limits": {kind: count}}} if count else {}),
    }
    pod: dict[str, Any] = {"restartPolicy": "Never", "terminationGracePeriodSeconds": GRACE, "containers": [container]}
    if asked.tpu:
        pod["nodeSelector"] = {
            "cloud.google.com/gke-tpu-accelerator": asked.tpu,
            "cloud.google.com/gke-tpu-topology": asked.topology,
        }
    if asked.claim:
        container["volumeMounts"] = [{"name": "shared", "mountPath": asked.mount}]
        pod["volumes"] = [{"name": "shared", "persistentVolumeClaim": {"claimName": asked.claim}}]
    return pod


def _environment(asked: JobSet) -> list[dict[str, Any]]:
    """Each pod's place. JobSet gives pods names of their own: JOBSET-JOB-JOBINDEX-PODINDEX.JOBSET."""
    return [
        {"name": COORDINATOR, "value": f"{asked.name}-{_JOB}-0-0.{asked.name}:{PORT}"},
        {"name": PROCESSES, "value": str(asked.hosts)},
        {"name": PROCESS_ID, "valueFrom": {"fieldRef": {"fieldPath": _INDEX}}},
    ]

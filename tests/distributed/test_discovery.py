"""Who the others are, as a config and an environment say it."""

from __future__ import annotations

import pytest

from amharic_tl.config.machine import MeshConfig
from amharic_tl.distributed.discovery import Place, find_place
from amharic_tl.errors import ConfigError

CPU = {"JAX_PLATFORMS": "cpu"}
SLURM = {"SLURM_STEP_NODELIST": "node[1-2]", "SLURM_NTASKS": "8", "SLURM_PROCID": "3"}


@pytest.mark.parametrize(
    ("mesh", "environment", "place"),
    [
        (MeshConfig(), {}, Place()),
        (MeshConfig(processes=1), SLURM, Place(processes=1)),
        (MeshConfig(), {**SLURM, "SLURM_NTASKS": "1"}, Place(processes=1)),
        (MeshConfig(), {"JAX_NUM_PROCESSES": "1", **SLURM}, Place(processes=1)),
        (MeshConfig(), SLURM, Place(found_by="SLURM")),
        (MeshConfig(), {"JOB_COMPLETION_INDEX": "0"}, Place(found_by="cluster")),
        (MeshConfig(coordinator="a:1", processes=2, process_id=1), {}, Place("a:1", 2, 1)),
        (
            MeshConfig(process_id=0),
            {"JAX_COORDINATOR_ADDRESS": "[::1]:8476", "JAX_NUM_PROCESSES": "4", "JAX_PROCESS_ID": "2"},
            Place("[::1]:8476", 4, 0),
        ),
        # Slurm's batch step, outside of srun, says how many tasks there will be and is none of them.
        (MeshConfig(), {"SLURM_NTASKS": "8", "SLURM_PROCID": "0"}, Place()),
    ],
)
def test_leaves_come_before_the_environment(mesh: MeshConfig, environment: dict[str, str], place: Place) -> None:
    found = find_place(mesh, {**CPU, **environment})
    assert found == place
    assert found.may_have_peers is (place.found_by is not None or (place.processes or 0) > 1)


@pytest.mark.parametrize(
    ("mesh", "environment", "words"),
    [
        (MeshConfig(processes=2), {}, r"needs config.mesh.coordinator, config.mesh.process_id too"),
        (MeshConfig(coordinator="host"), {}, "expected HOST:PORT"),
        (MeshConfig(processes=2, process_id=2), {}, "2 is not below the 2 processes"),
        (MeshConfig(), {"JAX_NUM_PROCESSES": "two"}, r"\$JAX_NUM_PROCESSES: expected a whole number, found 'two'"),
    ],
)
def test_what_does_not_fit_is_said(mesh: MeshConfig, environment: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        find_place(mesh, {**CPU, **environment})

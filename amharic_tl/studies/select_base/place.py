"""The folder of a choice: what is in it, who may work in it, and which of its parts still hold."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amharic_tl.config import Config, differences, to_dict
from amharic_tl.config.machine import OutputConfig
from amharic_tl.errors import CannotCreateError, ConfigError, name_some
from amharic_tl.records.files import read_object
from amharic_tl.studies.select_base.request import Base, Request
from amharic_tl.studies.select_base.task_data import TaskData

_LOCK = ".lock"


@dataclasses.dataclass(frozen=True)
class Place:
    """Paths inside the folder. Holds no state and creates nothing."""

    root: Path

    @property
    def record(self) -> Path:
        """Everything that was found, and where it comes from."""
        return self.root / "selection.json"

    @property
    def page(self) -> Path:
        """The page to open."""
        return self.root / "selection.html"

    @property
    def runs(self) -> Path:
        """Workdirs of the self-check, one folder a base."""
        return self.root / "fine-tuned"

    def features(self, name: str) -> Path:
        """Cached features of a base."""
        return self.root / "bases" / slug(name) / "features.npz"

    def scores(self, name: str) -> Path:
        """Cached scores of a base."""
        return self.root / "bases" / slug(name) / "scores.json"

    def distance(self, name: str) -> Path:
        """Cached domain distances of a base."""
        return self.root / "bases" / slug(name) / "distance.json"


def slug(name: str) -> str:
    """A folder's name for a base: the end of its name, and a sum that tells it from others."""
    end = re.sub(r"[^\w.-]+", "-", "/".join(name.rstrip("/").split("/")[-2:])).strip("-.")[-48:]
    return f"{end}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def asked(config: Config, request: Request, task: TaskData) -> dict[str, Any]:
    """What makes one choice another: the task, its rows, the sample. Bases, gates and the self-check may be added."""
    return dict(
        json.loads(json.dumps({"config": to_dict(_neutral(config)), "data": task.fingerprint, **request.settings()}))
    )


def _neutral(config: Config) -> Config:
    """The config without what each base, or each machine, has of its own."""
    model = dataclasses.replace(config.model, path="each base in turn", initialise="pretrained")
    return dataclasses.replace(config, model=model, output=OutputConfig())


def refuse_other(place: Place, config: Config, request: Request, task: TaskData) -> dict[str, Any] | None:
    """What selection.json held before, None where the folder is new.

    Raises:
      CannotCreateError: the folder is a file, or holds something else.
      ConfigError: it is a choice for another task, of other rows, or of bases that are not named any more.
    """
    root = place.root
    if root.exists() and not root.is_dir():
        raise CannotCreateError(f"--output: {root} is a file; name a new directory")
    if not place.record.exists():
        strangers = [path.name for path in root.iterdir() if path.name != _LOCK] if root.is_dir() else []
        if strangers:
            raise CannotCreateError(
                f"--output: {root} holds files but no {place.record.name} ({name_some(sorted(strangers), 5)}), so it "
                "is no choice to go on with; nothing was changed. Name a new directory"
            )
        return None
    before = read_object(place.record)
    old, wanted = before.get("asked", {}), asked(config, request, task)
    different = differences(old.get("config") or {}, _neutral(config))
    different += [
        f"{what} are not the same"
        for what, name in (("the rows", "data"), ("--rows", "rows"), ("--words", "words"))
        if old.get(name) != wanted[name]
    ]
    if different:
        raise ConfigError(
            f"--output: {root} is a choice for another task; nothing was changed. Name a new directory, or take "
            "back:\n  " + "\n  ".join(different[:10])
        )
    dropped = [base["name"] for base in before.get("bases", []) if base["name"] not in request.models]
    if dropped:
        raise ConfigError(
            f"--output: {root} compares bases that this command does not name: {name_some(dropped)}; nothing was "
            "changed. Name them too, or name a new directory"
        )
    return before


def base_fingerprint(base: Base, config: Config, request: Request, task: TaskData, files: Mapping[str, Any]) -> str:
    """What the features of a base depend on: its files, the items, how they are read."""
    parts = {
        "name": base.name,
        "seed": config.train.seed if base.random else None,
        "files": {name: files[name] for name in ("tokenizer", "model")},
        "items": task.fingerprint,
        "read": [dataclasses.asdict(part) for part in (config.data, config.task)],
        "model": dataclasses.asdict(dataclasses.replace(config.model, path="")),
        **request.settings(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

"""A choice between bases from end to end: gates, features, scores, distances, the self-check, the page."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amharic_tl.config import Config
from amharic_tl.data.rows import Source
from amharic_tl.data.tokenizer import load_tokenizer
from amharic_tl.errors import AmharicTLError, BadInputError, MissingInputError, Preempted, UnsafeInputError
from amharic_tl.models.interchange.locate import locate, read_config
from amharic_tl.models.registry import family_of
from amharic_tl.records.files import read_json, write_json
from amharic_tl.records.workdir import Workdir
from amharic_tl.run.assembly import load_model
from amharic_tl.run.fingerprints import fingerprints_of
from amharic_tl.studies.cross_validation.running import Train, train_here
from amharic_tl.studies.select_base.agreement import METHOD, agreement
from amharic_tl.studies.select_base.distance import pretraining_distance, read_pretraining
from amharic_tl.studies.select_base.features import Features, compute, read_features, write_features
from amharic_tl.studies.select_base.fine_tuning import (
    best_rates,
    chosen,
    fine_tune,
    outcomes,
    runs_of,
    tuning_runs,
)
from amharic_tl.studies.select_base.gates.gate import Gate
from amharic_tl.studies.select_base.gates.judge import Judged, judge
from amharic_tl.studies.select_base.place import Place, asked, base_fingerprint, refuse_other, slug
from amharic_tl.studies.select_base.request import SCORES, Base, Request, check, of_base, without_test
from amharic_tl.studies.select_base.scores.scoring import DEVIATIONS, METHODS, score
from amharic_tl.studies.select_base.task_data import TaskData, read_task
from amharic_tl.studies.select_base.telling import about_rejected, about_self_check, table
from amharic_tl.training.code_state import code_state
from amharic_tl.training.interruption import Interruption
from amharic_tl.training.progress import Progress, duration
from amharic_tl.training.provenance import provenance
from amharic_tl.training.workdir_guard import locked

PAGE_EVERY = 10  # seconds between pages while work goes on


def select_base(
    config: Config,
    output: str | Path,
    request: Request,
    interruption: Interruption | None = None,
    train: Train = train_here,
) -> dict[str, Any]:
    """Judges and scores bases, or goes on with it; what ``amharic-tl select-base`` calls.

    Args:
      config: of the task; its test split is not read, its model is each of the bases in turn.
      output: a new directory, or that of the same choice.
      request: the bases and what is asked of them.
      interruption: one that has listened for signals already; None: listens from here on.
      train: trains one run of the self-check.

    Returns:
      What selection.json holds.

    Raises:
      ConfigError: what a choice does not serve; a directory of another one.
      MissingInputError: a base, or data, is absent.
      BadInputError: no base passes the gates; data that cannot be read.
      Preempted: told to stop; saved.
      AmharicTLError: what a run of the self-check raises.
    """
    check(config, request)
    interruption = interruption or Interruption()
    place = Place(Path(output))
    with interruption.listening():
        progress = Progress(1)
        try:
            progress.note("reading the task's rows")
            config = without_test(config)
            task = read_task(config, request)
            before = refuse_other(place, config, request, task)
            for name in request.models:  # a misspelt one is said before the first is judged
                read_config(locate(Base(name).path, weights=False))
            texts = {name: read_pretraining(config, files) for name, files in request.pretraining_text.items()}
            with locked(Workdir(place.root)):
                return _Study(config, place, request, task, texts, before or {}, interruption, progress, train).go()
        finally:
            progress.close()


class _Study:
    """The work on one choice by the process that holds its folder."""

    def __init__(
        self,
        config: Config,
        place: Place,
        request: Request,
        task: TaskData,
        pretraining: Mapping[str, Source],
        before: Mapping[str, Any],
        interruption: Interruption,
        progress: Progress,
        train: Train,
    ) -> None:
        self.config, self.place, self.request, self.task = config, place, request, task
        self.interruption, self.progress, self.train = interruption, progress, train
        self.pretraining = pretraining
        # A check that was made stays, also where this command does not ask for one.
        self.outcomes = {base["name"]: base["outcomes"] for base in before.get("bases", [])}
        self.began = self.shown = time.monotonic()
        self.record: dict[str, Any] = {
            "status": "running",
            "stopped_because": None,
            "asked": asked(config, request, task),
            "provenance": provenance(config.train.seed, code_state(), {"data": task.fingerprint}),
            "task": {"kind": config.task.kind, **task.to_dict()},
            "methods": METHODS,
            "rank_by": request.rank_by,
            "bases": [],
            "ranking": [],
            "self_check": before.get("self_check"),
        }
        if before:
            self.record["provenance"]["started"] = before["provenance"]["started"]

    def go(self) -> dict[str, Any]:
        """Everything that is left to do."""
        try:
            self._gates()
            self._features_and_scores()
            if self.request.fine_tune is not None:
                self._self_check(self.request.fine_tune)
            self.record["status"] = "completed"
        except (AmharicTLError, KeyboardInterrupt) as error:
            stopped = isinstance(error, Preempted | KeyboardInterrupt)
            self.record["status"] = "preempted" if stopped else "failed"
            self.record["stopped_because"] = str(error) or "stopped at once"
            self._write()
            raise
        self._write()
        for line in table(self.record):
            self.progress.say(line)
        self.progress.say(f"done in {duration(time.monotonic() - self.began)}; open {self.place.page}")
        return self.record

    def _gates(self) -> None:
        """Judges every base before anything is computed with one.

        Raises:
          BadInputError: none passes.
        """
        for number, name in enumerate(self.request.models, start=1):
            self.interruption.check("judging bases")
            self.progress.note(f"gates of {name} ({number} of {len(self.request.models)})")
            judged = judge(Base(name), self.config, self.task, self.request)
            self.record["bases"].append(self._row(name, judged))
        self._write()
        rejected = [base for base in self.record["bases"] if base["verdict"] == "rejected"]
        for base in rejected:
            self.progress.say(about_rejected(base))
        if len(rejected) == len(self.record["bases"]):
            names = sorted({gate["name"] for base in rejected for gate in base["gates"] if gate["verdict"] == "failed"})
            raise BadInputError(
                f"none of the {len(rejected)} bases passes the gates (failed: {', '.join(names)}); {self.place.page} "
                "has the figures. Name other bases, or change the config as the sentences above say"
            )

    def _row(self, name: str, judged: Judged) -> dict[str, Any]:
        return {
            "name": name,
            "folder": slug(name),
            "verdict": "rejected" if judged.rejected else "passed",
            "parameters": judged.parameters,
            "memory": judged.memory,
            "gates": [gate.to_dict() for gate in judged.gates],
            "scores": None,
            "distance": None,
            "outcomes": self.outcomes.get(name),
        }

    def _features_and_scores(self) -> None:
        passed = [base for base in self.record["bases"] if base["verdict"] == "passed"]
        for number, row in enumerate(passed, start=1):
            self.interruption.check("going on to the next base")
            counted = f"{row['name']} ({number} of {len(passed)})"
            try:
                row["scores"] = self._scores(Base(row["name"]), counted)
                row["verdict"] = "scored"
            except (BadInputError, MissingInputError, UnsafeInputError) as error:
                # Only weights show whether a base is what its config.json says; the others go on.
                gate = Gate("loads", "no", "weights of the model", "failed", str(error))
                row["gates"].append(gate.to_dict())
                row["verdict"] = "rejected"
                self.progress.say(about_rejected(row))
            else:
                row["distance"] = self._distance(Base(row["name"]), counted)
            self._rank()
            self._write()
        if not self.record["ranking"]:
            raise BadInputError("none of the bases that pass the gates could be loaded; the sentences above say why")

    def _scores(self, base: Base, counted: str) -> dict[str, Any]:
        """The scores of a base: kept, from features that are kept, or from the base."""
        config = of_base(self.config, base)
        folder = locate(base.path, weights=not base.random)
        sums = fingerprints_of(self.task.fingerprint, folder, folder)
        fingerprint = base_fingerprint(base, self.config, self.request, self.task, sums)
        kept = self.place.scores(base.name)
        if kept.exists():
            stored = read_json(kept)
            if stored.get("fingerprint") == fingerprint:
                return dict(stored["scores"])
        features = read_features(self.place.features(base.name), fingerprint)
        if features is None:
            features = self._compute(config, folder, counted)
            write_features(self.place.features(base.name), features, fingerprint)
        began = time.monotonic()
        found = score(features, self.task, lambda doing: self._step(f"{counted}: {doing}"))
        self.progress.say(f"{counted}: scored in {duration(time.monotonic() - began)}")
        write_json(kept, {"fingerprint": fingerprint, "scores": found})
        return dict(read_json(kept)["scores"])

    def _compute(self, config: Config, folder: Path, counted: str) -> Features:
        import jax

        self._step(f"{counted}: loading")
        hf_config = read_config(folder)
        model = load_model(config, hf_config, self.task.names)
        family = family_of(hf_config, str(folder))
        tokenizer = load_tokenizer(folder)
        found = compute(
            model, family, config, self.task, tokenizer, lambda: self._step(f"{counted}: computing features")
        )
        jax.clear_caches()  # the programs of a base are of no use to the next one
        return found

    def _distance(self, base: Base, counted: str) -> dict[str, Any] | None:
        source, kept = self.pretraining.get(base.name), self.place.distance(base.name)
        stored = read_json(kept) if kept.exists() else None
        asked_for = None if source is None else [file.sha256 for file in source.files]
        if source is None or (stored is not None and stored["sums"] == asked_for):
            return stored
        self._step(f"{counted}: distance to its pretraining text")
        tokenizer = load_tokenizer(locate(base.path, weights=False))
        found = pretraining_distance(self.config, self.task.texts, source, tokenizer)
        write_json(kept, {"sums": asked_for, **found})
        return dict(read_json(kept))

    def _step(self, doing: str) -> None:
        self.interruption.check(doing)
        self.progress.note(doing)

    def _rank(self) -> None:
        scored = [base for base in self.record["bases"] if base["scores"] is not None]
        by = self.request.rank_by

        def value(base: Mapping[str, Any]) -> float:
            found = base["scores"][by]["value"]
            return float("-inf") if found is None else float(found)

        self.record["ranking"] = [
            base["name"] for base in sorted(scored, key=lambda base: (-value(base), base["name"]))
        ]

    def _self_check(self, best: int) -> None:
        """Fine-tunes the best bases and a random lower one, and compares each score with what came out."""
        config, request = self.config, self.request
        top, lower = chosen(self.record["ranking"], best, config.train.seed)
        names = [*top, *([lower] if lower else [])]
        self.record["self_check"] = {
            "top": top,
            "lower": lower,
            "seeds": request.seeds,
            "select_by": config.train.select_by,
            "method": METHOD,
            "rates": {},
            "agreement": {},
            "notes": [] if lower else ["there is no lower base to draw: all that passed are among the best"],
        }
        check = self.record["self_check"]
        tuning = tuning_runs(config, names, request, self.place.runs, slug)
        check["notes"] += fine_tune(tuning, self.train, self.interruption, self.progress.say)
        check["rates"] = best_rates(tuning, config.train.select_by)
        runs = runs_of(config, names, request, self.place.runs, slug, check["rates"])
        check["notes"] += fine_tune(runs, self.train, self.interruption, self.progress.say)
        found = outcomes(runs, config.train.select_by)
        tuned = [base for base in self.record["bases"] if base["name"] in found]
        for base in tuned:
            base["outcomes"] = found[base["name"]]
        for name in SCORES:
            of = [base for base in tuned if base["scores"][name]["value"] is not None]
            values = [base["scores"][name]["value"] for base in of]
            ends = [base["scores"][name]["interval"] for base in of]
            deviations = [0.0 if end is None else (end[1] - end[0]) / 2 / DEVIATIONS for end in ends]
            check["agreement"][name] = agreement(
                values, deviations, [found[base["name"]] for base in of], config.train.seed
            )
        for line in about_self_check(check):
            self.progress.say(line)

    def _write(self) -> None:
        """Writes the record; the page too where nothing is under way, or the last one is some seconds old."""
        from amharic_tl.reports.selection_page import write_selection_page

        write_json(self.place.record, self.record)
        if self.record["status"] == "running" and time.monotonic() - self.shown < PAGE_EVERY:
            return
        self.shown = time.monotonic()
        try:
            write_selection_page(self.place.root)
        except Exception as error:  # a page that cannot be made is said, and loses no figure
            self.progress.say(f"note: the page could not be written: {type(error).__name__}: {error}")

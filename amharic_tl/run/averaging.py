"""Weights of finished runs averaged, scored and exported: with their base (WiSE-FT), or with each other's (soups)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np

from amharic_tl.config import Config, build_config, flatten
from amharic_tl.data.audit import fingerprint
from amharic_tl.data.tokenizer import load_tokenizer
from amharic_tl.errors import BadInputError, ConfigError, MissingInputError, name_some
from amharic_tl.models import save_pretrained
from amharic_tl.models.adapters.adapt import merged
from amharic_tl.models.interchange.adapter_folder import base_and_adapter
from amharic_tl.models.interchange.locate import read_config
from amharic_tl.records.files import read_json, read_object, refuse_existing, write_json, write_lines
from amharic_tl.records.workdir import Workdir
from amharic_tl.reports.curve_page import write_average_page
from amharic_tl.run.assembly import load_model
from amharic_tl.run.evaluation import Evaluation, check_own_model, mesh_for, model_of, of_export, scored, splits_of
from amharic_tl.run.fingerprints import sums_of
from amharic_tl.tasks.registry import prepare
from amharic_tl.training.code_state import code_state
from amharic_tl.training.provenance import provenance
from amharic_tl.transfer.averaging import Weights, greedy, interpolated, mean_of, misfits, weights_of, with_weights

Say = Callable[[str], None]
Soup = Literal["uniform", "greedy"]


@dataclass(frozen=True)
class Member:
    """A finished run, by what its workdir says."""

    workdir: Workdir
    config: Config
    record: Mapping[str, Any]
    about: Mapping[str, Any]
    drawn_anew: tuple[str, ...]

    @classmethod
    def of(cls, folder: Path) -> Member:
        """Reads a workdir.

        Raises:
          MissingInputError: it is no finished run, or has no export.
        """
        place = Workdir(folder)
        if not place.run.exists():
            raise MissingInputError(f"{folder} is not a workdir: expected {place.run}")
        record = read_object(place.run)
        check_own_model(place, record)
        if record.get("status") != "completed" or "averaged" in record:
            what = "an average already" if "averaged" in record else f"{record.get('status')!r}"
            raise MissingInputError(f"{folder}: the run is {what}; name finished runs")
        if not place.export.exists():
            raise MissingInputError(f"{folder} has no export; train it with config.output.export=true")
        drawn = read_object(place.plan).get("newly_initialised", [])
        config = build_config(flatten(read_object(place.config)))
        if record.get("stages"):  # the task began from what the last stage exported
            began = folder / record["stages"][-1]["folder"] / "export"
            model = dataclasses.replace(config.model, path=str(began), adapter=None)
            config = dataclasses.replace(config, model=model)
        return cls(place, config, record, read_object(place.data), tuple(drawn))

    def weights(self) -> Weights:
        """The exported weights."""
        config = of_export(self.config, self.workdir)
        return weights_of(load_model(config, read_config(self.workdir.export), list(self.about["labels"])))

    @property
    def sums(self) -> Mapping[str, Any]:
        """Fingerprints of data, tokenizer and pretrained model, as the run recorded them."""
        return self.record["provenance"]["fingerprints"]


class Scorer:
    """Scores any weights of a run's model on the run's own splits. Compiles once."""

    def __init__(self, member: Member) -> None:
        self.member = member
        unweighted = dataclasses.replace(member.config.train, class_weights="none")
        self.config = dataclasses.replace(member.config, train=unweighted)
        self.splits, _ = splits_of(self.config, member.about, "validation", None)
        self.prepared = prepare(self.config, self.splits, load_tokenizer(member.workdir.export))
        self.mesh = mesh_for(self.config)
        self.steps, self.state, _ = model_of(
            member.workdir, self.config, self.prepared, self.splits, "export", self.mesh, member.record
        )
        self.metric = member.config.train.select_by.split("/", 1)[1]
        self.sign = -1.0 if self.prepared.task.lower_is_better(self.metric) else 1.0

    @cached_property
    def tuned(self) -> Weights:
        """The weights of the run's export."""
        return weights_of((self.state.trainable, self.state.frozen))

    def score(self, weights: Weights, split: str, said: str) -> Evaluation:
        """The scores of ``weights`` on a split."""
        state = dataclasses.replace(
            self.state,
            trainable=jax.device_put(with_weights(self.state.trainable, weights), self.steps.shardings.trainable),
            frozen=jax.device_put(with_weights(self.state.frozen, weights), self.steps.shardings.frozen),
        )
        return scored(split, said, self.prepared, self.splits, self.steps, state, self.mesh)

    def value(self, found: Evaluation) -> float:
        """The figure that the run selects by, turned so that higher is better; what is not finite is worst."""
        value = self.sign * found.metrics["validation"][self.metric]
        return value if np.isfinite(value) else -np.inf

    def export(self, weights: Weights, folder: Path) -> None:
        """Writes a model with these weights as the run's export is written."""
        state = dataclasses.replace(
            self.state,
            trainable=with_weights(self.state.trainable, weights),
            frozen=with_weights(self.state.frozen, weights),
        )
        save_pretrained(self.steps.model(state), folder, tokenizer_from=self.member.workdir.export)


def average_with_base(run: Path, alphas: Sequence[float], output: Path, say: Say = print) -> dict[str, Any]:
    """Scores ``(1 - alpha) base + alpha fine-tuned`` on validation, chooses there, scores the chosen and exports it.

    Of alphas that validation cannot tell apart the largest is chosen. Parameters that were drawn anew have no base and
    stay fine-tuned at every alpha.

    Args:
      run: a finished run's workdir; it is not changed.
      alphas: between 0 and 1.
      output: a new directory.
      say: told each line of the table.

    Returns:
      What average.json holds.

    Raises:
      AmharicTLError: no such run or base, a base that has changed or has other shapes, a directory that is not empty.
    """
    refuse_existing(output, "output")
    member = Member.of(run)
    if member.config.model.initialise == "random":
        raise ConfigError(f"{run} began at random weights (config.model.initialise): there is no base to average with")
    scorer = Scorer(member)
    base = _base(member, scorer.tuned)
    curve: list[dict[str, Any]] = []
    best: tuple[float, float] | None = None
    for alpha in sorted(set(alphas)):
        found = scorer.score(interpolated(base, scorer.tuned, alpha), "validation", f"alpha {alpha:g}")
        curve.append({"alpha": alpha, "validation": dict(found.metrics["validation"])})
        say(f"alpha {alpha:<5g} {_shown(found.metrics['validation'])}")
        value = scorer.value(found)
        if best is None or value >= best[0]:
            best = value, alpha
    assert best is not None
    said = f"{best[1]:g} fine-tuned and {1 - best[1]:g} {member.config.model.path}"
    result = {
        "kind": "wise-ft",
        "run": str(run),
        "base": member.config.model.path,
        "select_by": member.config.train.select_by,
        "not_in_the_base": sorted(set(scorer.tuned) - set(base)),
        "curve": curve,
        "chosen": {"alpha": best[1]},
    }
    return _write(result, interpolated(base, scorer.tuned, best[1]), scorer, [member], said, output, say)


def soup(runs: Sequence[Path], kind: Soup, output: Path, say: Say = print) -> dict[str, Any]:
    """The mean of several runs' weights, scored and exported: of all (uniform), or of those that help on validation.

    Args:
      runs: finished runs' workdirs that share base, data, labels and tokenizer, and an initial head; they are not
        changed.
      kind: ``uniform`` or ``greedy``.
      output: a new directory.
      say: told each line of the table.

    Returns:
      What average.json holds.

    Raises:
      AmharicTLError: runs that cannot be averaged, a directory that is not empty.
    """
    refuse_existing(output, "output")
    members = [Member.of(run) for run in runs]
    for other in members[1:]:
        _check_pair(members[0], other)
    scorer = Scorer(members[0])
    alone, table = [], []
    for member in members:
        weights = member.weights()
        wrong = misfits(scorer.tuned, weights)
        if wrong:
            raise BadInputError(f"{member.workdir.root} does not fit {members[0].workdir.root}: {name_some(wrong)}")
        found = scorer.score(weights, "validation", str(member.workdir.root))
        alone.append(scorer.value(found))
        table.append({"run": str(member.workdir.root), "validation": dict(found.metrics["validation"])})
        say(f"{member.workdir.root}  {_shown(found.metrics['validation'])}")

    def mean(chosen: Sequence[Member]) -> Weights:
        return mean_of([member.weights for member in chosen])

    tried: list[dict[str, Any]] = []

    def value(chosen: Sequence[Member]) -> float:
        found = scorer.score(mean(chosen), "validation", "a soup")
        names = [str(member.workdir.root) for member in chosen]
        tried.append({"runs": names, "validation": dict(found.metrics["validation"])})
        say(f"{len(chosen)} runs, the last {names[-1]}  {_shown(found.metrics['validation'])}")
        return scorer.value(found)

    kept = members if kind == "uniform" else greedy(members, alone, value)
    result = {
        "kind": f"{kind}-soup",
        "select_by": members[0].config.train.select_by,
        "members": table,
        "tried": tried,
        "chosen": {"runs": [str(member.workdir.root) for member in kept]},
    }
    said = f"the mean of {len(kept)} of {len(members)} runs"
    return _write(result, mean(kept), scorer, members, said, output, say)


def _base(member: Member, tuned: Weights) -> Weights:
    """The pretrained weights of what the base has, checked to be those that the run began from."""
    folder, adapter = base_and_adapter(member.config.model.path, member.config.model.adapter)
    if sums_of(folder, adapter) != {name: member.sums[name] for name in ("model", "adapter") if name in member.sums}:
        raise BadInputError(
            f"{member.config.model.path} is not what {member.workdir.root} began from: its files have other sums"
        )
    model = load_model(member.config, read_config(folder), list(member.about["labels"]))
    drawn = set(model.load_report.newly_initialised)
    base = {name: value for name, value in weights_of(merged(model)).items() if name not in drawn}
    wrong = [name for name, value in base.items() if name not in tuned or tuned[name].shape != value.shape]
    if wrong:
        raise BadInputError(
            f"{member.workdir.root} has other parameters than its base {member.config.model.path}: {name_some(wrong)}"
        )
    return base


def _check_pair(first: Member, other: Member) -> None:
    """Refuses what differs in what an average rests on."""
    names = f"{first.workdir.root} and {other.workdir.root}"
    if first.config.task != other.config.task or first.about["labels"] != other.about["labels"]:
        raise BadInputError(f"{names} have other tasks or labels, so their heads cannot be averaged")
    if first.sums["tokenizer"] != other.sums["tokenizer"]:
        raise BadInputError(f"{names} have other tokenizers, so their vocabularies cannot be averaged")
    if first.sums["model"] != other.sums["model"]:
        raise BadInputError(f"{names} began from other pretrained weights; a soup needs a shared beginning")
    if first.about["fingerprint"] != other.about["fingerprint"]:
        raise BadInputError(f"{names} have other data, so validation of the one may be training of the other")
    seeds = first.config.train.seed, other.config.train.seed
    random = "random" in (first.config.model.initialise, other.config.model.initialise)
    if seeds[0] != seeds[1] and (random or first.drawn_anew):
        drawn = "all parameters" if random else name_some(first.drawn_anew, 4)
        raise BadInputError(
            f"{names} drew {drawn} from the seeds {seeds[0]} and {seeds[1]}: a soup needs a shared beginning. Vary "
            "something else than config.train.seed, or begin all runs from one export that has the head"
        )


def _write(
    result: dict[str, Any],
    weights: Weights,
    scorer: Scorer,
    members: Sequence[Member],
    said: str,
    output: Path,
    say: Say,
) -> dict[str, Any]:
    """Scores the chosen weights on every split and writes a directory that is compared like a workdir."""
    say(f"chosen on validation: {said}")
    place, member = Workdir(output), members[0]
    final: dict[str, Any] = {}
    summaries: dict[str, Any] = {}
    for split in scorer.prepared.evaluation:
        found = scorer.score(weights, split, said)
        final |= found.metrics
        summaries |= found.summaries
        say(f"{split:<10}  {_shown(found.metrics[split])}")
        if found.predictions is not None:
            write_lines(place.predictions(split), found.predictions)
    result |= {"final": final}
    write_json(place.config, read_json(member.workdir.config))
    write_json(place.data, dict(member.about))
    write_json(place.evaluation, summaries)
    scorer.export(weights, place.export)
    write_json(place.average, result)
    write_average_page(output)
    sums = {"data": fingerprint(scorer.splits), "members": [member.sums for member in members]}
    record = {"status": "completed", "averaged": said, "final": final}
    write_json(place.run, {**record, "provenance": provenance(member.config.train.seed, code_state(), sums)})
    return result


def _shown(metrics: Mapping[str, Any]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in metrics.items() if "/" not in name)

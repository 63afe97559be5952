"""The layout of a workdir: one run, everything a report may read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# What a checkpoint remembers the length of, so that a resumed run leaves the bytes of an undisturbed one.
REWOUND_FILES = ("metrics.jsonl", "safety.jsonl", "alerts.jsonl")


@dataclass(frozen=True)
class Workdir:
    """Paths inside a workdir. Holds no state and creates nothing."""

    root: Path

    @property
    def config(self) -> Path:
        """The resolved config of the run."""
        return self.root / "config.json"

    @property
    def plan(self) -> Path:
        """The trainability table."""
        return self.root / "plan.json"

    @property
    def data(self) -> Path:
        """Sources, splits, fingerprints and the audit."""
        return self.root / "data.json"

    @property
    def baselines(self) -> Path:
        """Constant-class and TF-IDF scores."""
        return self.root / "baselines.json"

    @property
    def evaluation(self) -> Path:
        """Scores with intervals and confusion counts, by split."""
        return self.root / "evaluation.json"

    @property
    def bench(self) -> Path:
        """How fast a config's steps were, of a workdir that was made for that."""
        return self.root / "bench.json"

    @property
    def profile(self) -> Path:
        """A trace of some steps."""
        return self.root / "profile"

    @property
    def watched(self) -> Path:
        """What the safety monitor watches: the culture pack and its authorship, groups, refusals, counts of probes."""
        return self.root / "safety.json"

    @property
    def safety(self) -> Path:
        """Safety signals by evaluation."""
        return self.root / "safety.jsonl"

    @property
    def probe(self) -> Path:
        """How a checkpoint was probed with a culture pack; its signals are in safety.jsonl beside it."""
        return self.root / "probe.json"

    @property
    def alerts(self) -> Path:
        """Signals that changed their state, and what followed."""
        return self.root / "alerts.jsonl"

    @property
    def safety_start(self) -> Path:
        """What swaps showed at step 0, by item and without text, and the thresholds that follow from its noise."""
        return self.root / "safety_start.json"

    @property
    def evidence(self) -> Path:
        """What was behind a suspicion or a confirmation: a file each, ids and figures alone."""
        return self.root / "evidence"

    @property
    def fairness(self) -> Path:
        """Fairness by group and over groups of the chosen model, by split."""
        return self.root / "fairness.json"

    @property
    def label_shift(self) -> Path:
        """Shares of the labels in rows whose labels nobody looked at, and scores of predictions corrected to them."""
        return self.root / "label_shift.json"

    @property
    def layers(self) -> Path:
        """How alike each layer is to that of the base."""
        return self.root / "layers.json"

    @property
    def attribution(self) -> Path:
        """A folder for each figure that was attributed to training rows."""
        return self.root / "attribution"

    @property
    def kept_parameters(self) -> Path:
        """The trained parameters of some evaluations (``config.output.keep_for_attribution``)."""
        return self.root / "parameters"

    @property
    def cross_validation(self) -> Path:
        """How a cross-validation was asked, and what each of its folds gave."""
        return self.root / "cross_validation.json"

    @property
    def folds(self) -> Path:
        """Which rows, by id, each fold of a cross-validation trains on and is tested on."""
        return self.root / "folds.json"

    @property
    def average(self) -> Path:
        """What was averaged, what each candidate scored on validation, and what was chosen."""
        return self.root / "average.json"

    @property
    def rate_range(self) -> Path:
        """Between which learning rates the loss fell; not of a run's own workdir."""
        return self.root / "rate_range.json"

    @property
    def rate_range_curve(self) -> Path:
        """The loss at each rate that was tried."""
        return self.root / "rate_range.jsonl"

    @property
    def run(self) -> Path:
        """Status, provenance and final scores."""
        return self.root / "run.json"

    @property
    def metrics(self) -> Path:
        """Figures by step; nothing derived from a clock."""
        return self.root / "metrics.jsonl"

    @property
    def timing(self) -> Path:
        """Throughput, waits and memory by step."""
        return self.root / "timing.jsonl"

    @property
    def events(self) -> Path:
        """What happened: starts, saves, skips, preemptions. Only grows."""
        return self.root / "events.jsonl"

    @property
    def checkpoints(self) -> Path:
        """One folder a saved step, each with a manifest."""
        return self.root / "checkpoints"

    @property
    def stages(self) -> Path:
        """A workdir for each stage of further pretraining before the task."""
        return self.root / "stages"

    @property
    def domain(self) -> Path:
        """How far the texts of the stages are from the task's, and what the stages changed on the task's."""
        return self.root / "domain.json"

    @property
    def export(self) -> Path:
        """The best model as a Hugging Face directory."""
        return self.root / "export"

    @property
    def adapter(self) -> Path:
        """The adapter of the best model, as the PEFT library loads it; only where adapters were trained."""
        return self.root / "adapter"

    @property
    def tensorboard(self) -> Path:
        """TensorBoard event files."""
        return self.root / "tensorboard"

    @property
    def report(self) -> Path:
        """The page to open."""
        return self.root / "report.html"

    @property
    def report_data(self) -> Path:
        """The figures of the page, for programs."""
        return self.root / "report.json"

    @property
    def environment(self) -> Path:
        """Installed packages with their versions, a line each."""
        return self.root / "environment.txt"

    def predictions(self, split: str) -> Path:
        """Predictions of one split: id, label, scores; no text."""
        return self.root / f"predictions-{split}.jsonl"

    def counterfactuals(self, split: str) -> Path:
        """What each swap of a split showed at the latest evaluation: ids and figures, no text."""
        return self.root / f"counterfactuals-{split}.jsonl"

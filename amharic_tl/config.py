"""The typed schema of a run: every leaf a user can set, its default, its type and its bounds.

A config is built in this order: the defaults below, then a preset or file, then the command line; then it is
validated as a whole, before any input is opened. A misspelt key is refused with the nearest right one.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from amharic_tl.config_leaves import check_bounds, convert, unknown_key
from amharic_tl.config_tasks import SELECT_BY, is_metric, no_metric, task_checks
from amharic_tl.errors import ConfigError

TaskKind = Literal["sequence-classification", "token-classification", "masked-lm", "causal-lm", "seq2seq-lm"]
Sources = str | tuple[str, ...] | None


def _leaf(
    default: Any,
    doc: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
) -> Any:
    """A config leaf: ``minimum``/``maximum`` are inclusive bounds, ``above`` an exclusive lower one."""
    return field(default=default, metadata={"doc": doc, "minimum": minimum, "maximum": maximum, "above": above})


@dataclass(frozen=True)
class ModelConfig:
    """Which pretrained model, and how it computes."""

    path: str = _leaf(
        "amharic-tiny", "A local directory, a bundled base (amharic-tiny), or a hub id owner/name[@revision]."
    )
    initialise: Literal["pretrained", "random"] = _leaf(
        "pretrained", "random: only the config and tokenizer of model.path are used; weights are drawn from train.seed."
    )
    compute_dtype: Literal["float32", "bfloat16"] = _leaf(
        "float32", "Dtype of matrix products; parameters stay float32."
    )
    dropout: float | None = _leaf(
        None, "Overrides every dropout rate of the model's config; none keeps them.", minimum=0.0, maximum=0.9
    )
    attention: Literal["auto", "xla", "cudnn", "tpu-flash"] = _leaf(
        "auto", "What computes attention; auto: the fastest that can serve the model here. The run says which, and why."
    )


@dataclass(frozen=True)
class TaskConfig:
    """What is learned."""

    kind: TaskKind = _leaf("sequence-classification", "The objective.")
    problem: Literal["single-label", "multi-label", "regression"] = _leaf(
        "single-label", "sequence-classification: one label a text, a set of labels, or a number."
    )
    objective: Literal["text-to-text", "span-corruption"] = _leaf(
        "text-to-text", "seq2seq-lm: data.target from data.source, or spans taken out of running text (data.text)."
    )
    noise_density: float = _leaf(0.15, "span-corruption: share of tokens to take out.", above=0.0, maximum=0.9)
    mean_span: float = _leaf(3.0, "span-corruption: mean length of a span in tokens.", minimum=1.0)
    generate_rows: int = _leaf(
        200,
        "text-to-text: rows of a split to write out and score by BLEU and chrF at an evaluation; 0: none.",
        minimum=0,
    )
    mask_probability: float = _leaf(0.15, "masked-lm: share of tokens to predict.", above=0.0, maximum=0.9)


@dataclass(frozen=True)
class DataConfig:
    """Where the data lies and how it is read."""

    train: Sources = _leaf(
        None, "A file, a glob, several of them, tfds:name/config:split or hf:owner/name/config:split."
    )
    validation: Sources = _leaf(None, "As data.train; none: a tenth of the training rows, stratified, is set aside.")
    test: Sources = _leaf(None, "As data.train; none: no test scores.")
    text: str = _leaf("text", "The column that holds the text.")
    label: str | tuple[str, ...] = _leaf(
        "label",
        "The column that holds the label; multi-label: or several columns of 0 and 1 (anger,joy,fear). "
        "token-classification: lists of tags beside lists of tokens (data.text), unless named called tags and tokens.",
    )
    label_separator: str = _leaf(",", "multi-label, one column: what stands between the labels of a row.")
    source: str = _leaf("source", "text-to-text: the column of the text to read (also translation.eng).")
    target: str = _leaf("target", "text-to-text: the column of the text to write.")
    prefix: str | None = _leaf(None, 'text-to-text: put before each source ("translate English to Amharic: ").')
    source_language: str | None = _leaf(None, "text-to-text: the tokenizer's name of the source's language (eng_Latn).")
    target_language: str | None = _leaf(None, "text-to-text: the tokenizer's name of the target's language (amh_Ethi).")
    max_target_length: int = _leaf(128, "text-to-text: longest target in tokens.", minimum=8)
    columns: tuple[str, ...] | None = _leaf(None, "Column names of a file without a header line.")
    format: Literal["auto", "csv", "tsv", "jsonl", "txt", "parquet", "conll"] = _leaf(
        "auto", "auto: by the file's ending."
    )
    quoting: Literal["auto", "standard", "none"] = _leaf(
        "auto", 'Of .csv and .tsv: standard ("..." with "" inside), none (a quote is text), auto (found out and said).'
    )
    max_length: int = _leaf(128, "Longest input in tokens, special tokens included.", minimum=8)
    gates: tuple[str, ...] | None = _leaf(
        ("test-inside-train",),
        "What of the audit stops a run before it trains (exit code 65): names of findings (see docs/audit.md), or all "
        "of a severity (error, warning); none: nothing.",
    )
    folds: str | None = _leaf(
        None, "A folds.json of cross-validate: rows of all named splits are pooled and divided as it says."
    )
    fold: str | None = _leaf(None, "Which of the folds of data.folds, by name.")
    long_text: Literal["truncate", "head-tail", "windows"] = _leaf(
        "truncate",
        "Of a longer text: its beginning, its two ends, or all of it in overlapping windows whose scores are pooled.",
    )
    window_overlap: int | None = _leaf(
        None, "windows: tokens that neighbours share; none: a quarter of data.max_length.", minimum=0
    )


@dataclass(frozen=True)
class TrainConfig:
    """How long, on how much, and what is kept."""

    epochs: float | None = _leaf(5.0, "Passes over the training data; ignored when train.steps is set.", above=0.0)
    steps: int | None = _leaf(None, "Updates; overrides train.epochs.", minimum=1)
    batch_size: int = _leaf(32, "Examples per update over the whole mesh.", minimum=1)
    microbatch: int | None = _leaf(None, "Examples per forward pass; divides train.batch_size.", minimum=1)
    seed: int = _leaf(0, "Seeds the head, dropout, the order of the data and masking.", minimum=0, maximum=2**32 - 1)
    evaluate_every: int | None = _leaf(None, "Steps between evaluations; none: once an epoch.", minimum=1)
    save_every: int | None = _leaf(None, "Steps between checkpoints; none: at each evaluation.", minimum=1)
    log_every: int = _leaf(10, "Steps between lines of metrics.jsonl and of the progress.", minimum=1)
    select_by: str = _leaf(
        "validation/macro_f1", "Which figure picks the best checkpoint (loss and bits_per_character: lower is better)."
    )
    patience: int | None = _leaf(
        None, "Evaluations without a better train.select_by before stopping; none: never.", minimum=1
    )
    class_weights: Literal["none", "balanced"] = _leaf(
        "none", "balanced: weight n / (classes x count of the class), as scikit-learn."
    )
    label_smoothing: float = _leaf(0.0, "Share of the target spread over all classes.", minimum=0.0, maximum=0.9)
    max_non_finite: int = _leaf(
        5, "Updates in a row with a non-finite loss or gradient that are skipped before the run stops (71).", minimum=0
    )


@dataclass(frozen=True)
class OptimConfig:
    """AdamW and its schedule."""

    lr: float = _leaf(5e-5, "Peak learning rate of the top of the model.", above=0.0, maximum=10.0)
    schedule: Literal["linear", "cosine", "constant"] = _leaf("linear", "Decay after the warm-up.")
    warmup: float = _leaf(0.1, "Warm-up: a share of the steps below 1, otherwise a number of steps.", minimum=0.0)
    weight_decay: float = _leaf(0.01, "Decoupled decay; biases and norms have none.", minimum=0.0, maximum=1.0)
    beta1: float = _leaf(0.9, "Decay of the first moment.", minimum=0.0, maximum=0.9999)
    beta2: float = _leaf(0.999, "Decay of the second moment.", minimum=0.0, maximum=0.999999)
    epsilon: float = _leaf(1e-8, "Added to the root of the second moment.", above=0.0, maximum=1.0)
    clip_norm: float | None = _leaf(
        1.0, "Largest global norm of the trainable gradients; none: no clipping.", above=0.0
    )


@dataclass(frozen=True)
class TransferConfig:
    """What of the pretrained model trains."""

    method: Literal["full", "head", "top-layers"] = _leaf("full", "Which parameters train.")
    trainable_layers: int | None = _leaf(
        None, "top-layers: how many of the top blocks train with head and pooler.", minimum=0
    )
    layer_decay: float = _leaf(
        1.0, "Learning rate of a block = that of the block above x this; 1 is off.", above=0.0, maximum=1.0
    )


@dataclass(frozen=True)
class LogitPairingConfig:
    """Counterfactual logit pairing: the distance between a row's logits and those of its swapped copy."""

    weight: float = _leaf(0.0, "Weight in the loss; 0 is off and costs nothing.", minimum=0.0, maximum=1000.0)
    pairs: int = _leaf(
        8, "Pairs an update, over the whole mesh: an extra forward pass of twice as many rows.", minimum=1
    )


@dataclass(frozen=True)
class PenaltiesConfig:
    """What is added to the loss for safety's sake."""

    logit_pairing: LogitPairingConfig = field(default_factory=LogitPairingConfig)


@dataclass(frozen=True)
class ThresholdsConfig:
    """The smallest departures from the null that count: below them nothing is suspected, however certain."""

    flip_rate: float = _leaf(0.02, "Counterfactual flips, group minus placebo.", minimum=0.0, maximum=1.0)
    score_gap: float = _leaf(
        0.05, "Mean |change of the harmful classes' probability|, group minus placebo.", minimum=0.0, maximum=1.0
    )
    false_positive_gap: float = _leaf(
        0.10, "False-positive rate: a group against the others, or the range over groups.", minimum=0.0, maximum=1.0
    )
    recall_gap: float = _leaf(
        0.10, "Recall of harm: a group against the others, or the range over groups.", minimum=0.0, maximum=1.0
    )
    accuracy_gap: float = _leaf(0.10, "Accuracy of the worst group below that of all.", minimum=0.0, maximum=1.0)
    twin_margin: float = _leaf(
        0.05, "How much worse than the reference an erasure twin may be.", above=0.0, maximum=1.0
    )


@dataclass(frozen=True)
class SafetyConfig:
    """What is watched while training, and what pushes back."""

    axes: tuple[str, ...] | None = _leaf(None, "Axes of the culture pack to watch (ethnicity,religion); none: off.")
    pack: str = _leaf("am", "The culture pack: a bundled one (am, demo) or a folder.")
    positive_labels: tuple[str, ...] | None = _leaf(
        None, "Labels that count as harm found (hate,offensive); what false positives and recall are about."
    )
    held_out_groups: tuple[str, ...] | None = _leaf(
        None, "Groups that the penalty never exchanges; none: those the pack marks held-out."
    )
    reference: str | None = _leaf(
        None, "Workdir of the run that twins are measured against: same data, seed and plan, penalties 0."
    )
    level: float = _leaf(
        0.05, "Chance of one false confirmation over all planned looks and signals.", above=0.0, maximum=0.5
    )
    minimum_n: int = _leaf(30, "Fewest clusters of a figure; below it the signal is insufficient.", minimum=2)
    penalties: PenaltiesConfig = field(default_factory=PenaltiesConfig)
    thresholds: ThresholdsConfig = field(default_factory=ThresholdsConfig)


@dataclass(frozen=True)
class MeshConfig:
    """How devices are laid out. The product must equal the number of devices."""

    data: int | None = _leaf(None, "Data-parallel devices; none: all that fsdp and tensor leave.", minimum=1)
    fsdp: int = _leaf(1, "Devices over which parameters and optimiser state are sharded.", minimum=1)
    tensor: int = _leaf(1, "Devices over which matrix products are split.", minimum=1)


@dataclass(frozen=True)
class OutputConfig:
    """What is written beside the contract's files."""

    tensorboard: bool = _leaf(True, "Write tensorboard/ too.")
    export: bool = _leaf(True, "Write the best model as a Hugging Face directory to export/ at the end.")
    baselines: bool = _leaf(True, "Train the TF-IDF line and the constant class beside the model.")


@dataclass(frozen=True)
class Config:
    """One run, whole. Leaves are typed as in ``amharic-tl train --help``."""

    model: ModelConfig = field(default_factory=ModelConfig)
    task: TaskConfig = field(default_factory=TaskConfig)
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    transfer: TransferConfig = field(default_factory=TransferConfig)
    safety: SafetyConfig = field(default_factory=SafetyConfig)
    mesh: MeshConfig = field(default_factory=MeshConfig)
    output: OutputConfig = field(default_factory=OutputConfig)


# What may differ between a run and its resumption: how it is laid out and watched, never what it computes.
MAY_CHANGE_ON_RESUME = ("mesh.", "data.folds", "data.gates", "output.tensorboard", "train.log_every")


def leaves(config: Any = Config, prefix: str = "") -> Iterator[tuple[str, dataclasses.Field[Any], Any]]:
    """Yields ``(dotted name, field, annotated type)`` of every leaf of a config class."""
    hints = typing.get_type_hints(config)
    for item in dataclasses.fields(config):
        kind = hints[item.name]
        if dataclasses.is_dataclass(kind):
            yield from leaves(kind, f"{prefix}{item.name}.")
        else:
            yield f"{prefix}{item.name}", item, kind


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mapping (dict or ConfigDict) to ``{dotted name: value}``."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) or hasattr(value, "to_dict"):
            flat.update(flatten(value if isinstance(value, Mapping) else value.to_dict(), f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def to_dict(config: Config) -> dict[str, Any]:
    """The config as plain nested dicts, ready for JSON. Tuples become lists there."""
    return dataclasses.asdict(config)


def build_config(overrides: Mapping[str, Any]) -> Config:
    """Builds and validates a config from ``{dotted name: value}``, as the defaults overlaid with ``overrides``.

    Values may be text as typed on a command line; they are converted by the leaf's type.

    Raises:
      ConfigError: an unknown key (with the nearest right one), a value of the wrong type or out of bounds, leaves
        that do
        not fit together. All problems are named at once.
    """
    known = {name: (item, kind) for name, item, kind in leaves()}
    problems: list[str] = []
    values: dict[str, Any] = {}
    for name, value in overrides.items():
        if name not in known:
            problems.append(unknown_key(name, list(known)))
            continue
        item, kind = known[name]
        try:
            values[name] = check_bounds(convert(value, kind), item)
        except ValueError as error:
            problems.append(f"config.{name}: {error}")
    if not problems:
        if values.get("task.kind") in SELECT_BY:
            values.setdefault("train.select_by", SELECT_BY[values["task.kind"]])
        config = _assemble(Config, values)
        problems = _cross_checks(config)
    if problems:
        raise ConfigError("The config is not valid:\n  " + "\n  ".join(problems[:10]))
    return config


def differences(old: Mapping[str, Any], new: Config) -> list[str]:
    """Leaves in which a stored config and ``new`` differ and that a resumption must not change, as sentences."""
    # A leaf that a stored config does not know yet has its default there.
    defaults = json.loads(json.dumps(flatten(to_dict(Config()))))
    before, after = {**defaults, **flatten(old)}, json.loads(json.dumps(flatten(to_dict(new))))
    found = []
    for name in sorted(before.keys() | after.keys()):
        if name.startswith(MAY_CHANGE_ON_RESUME):
            continue
        if before.get(name) != after.get(name):
            found.append(f"config.{name}: the workdir has {before.get(name)!r}, this command {after.get(name)!r}")
    return found


def _assemble(cls: Any, values: Mapping[str, Any], prefix: str = "") -> Any:
    hints = typing.get_type_hints(cls)
    arguments: dict[str, Any] = {}
    for item in dataclasses.fields(cls):
        kind = hints[item.name]
        name = f"{prefix}{item.name}"
        if dataclasses.is_dataclass(kind):
            arguments[item.name] = _assemble(kind, values, f"{name}.")
        elif name in values:
            arguments[item.name] = values[name]
    return cls(**arguments)


def _cross_checks(config: Config) -> list[str]:
    """Leaves that do not fit together, as sentences."""
    problems = []
    train, transfer = config.train, config.transfer
    if train.steps is None and train.epochs is None:
        problems.append("config.train.steps and config.train.epochs are both none; set one of them")
    if train.microbatch is not None and train.batch_size % train.microbatch:
        problems.append(
            f"config.train.microbatch: {train.microbatch} does not divide config.train.batch_size ({train.batch_size})"
        )
    if transfer.method == "top-layers" and transfer.trainable_layers is None:
        problems.append("config.transfer.method is top-layers; say how many with config.transfer.trainable_layers")
    if transfer.method != "top-layers" and transfer.trainable_layers is not None:
        problems.append(
            f"config.transfer.trainable_layers is set, but config.transfer.method is {transfer.method!r}; "
            "use config.transfer.method=top-layers"
        )
    split, _, metric = train.select_by.partition("/")
    if split != "validation" or not metric:
        problems.append(f"config.train.select_by: expected validation/<metric>, found {train.select_by!r}")
    elif not is_metric(config.task, metric):
        problems.append(f"config.train.select_by: {no_metric(config.task, metric)}")
    if (config.data.folds is None) is not (config.data.fold is None):
        problems.append("config.data.folds and config.data.fold belong together: set both, or neither")
    problems += [*task_checks(config), *_safety_checks(config)]
    if config.optim.warmup >= 1 and config.optim.warmup != int(config.optim.warmup):
        problems.append(
            f"config.optim.warmup: {config.optim.warmup:g} is neither a share below 1 nor a number of steps"
        )
    return problems


def _safety_checks(config: Config) -> list[str]:
    safety, problems = config.safety, []
    pairing = safety.penalties.logit_pairing
    if safety.axes is None:
        named = {"positive_labels": safety.positive_labels, "held_out_groups": safety.held_out_groups}
        named["reference"] = (safety.reference,) if safety.reference else None
        problems += [
            f"config.safety.{name} is set, but config.safety.axes is none" for name, value in named.items() if value
        ]
        if pairing.weight:
            problems.append("config.safety.penalties.logit_pairing.weight needs config.safety.axes, such as ethnicity")
        return problems
    if config.task.kind != "sequence-classification":
        problems.append(f"config.safety.axes: {config.task.kind} has no safety signals; use none")
    elif config.task.problem != "single-label":
        problems.append(
            f"config.safety.axes: signals compare the classes of single-label problems; {config.task.problem} has none"
        )
    if config.data.long_text == "windows":
        problems.append(
            "config.safety.axes: signals compare whole inputs; use config.data.long_text=truncate or head-tail"
        )
    if safety.positive_labels is None:
        problems.append("config.safety.positive_labels: say which labels count as harm found, such as hate,offensive")
    parts = config.train.batch_size // (config.train.microbatch or config.train.batch_size)
    if pairing.weight and pairing.pairs % parts:
        problems.append(
            f"config.safety.penalties.logit_pairing.pairs: {pairing.pairs} cannot be divided over the {parts} "
            "microbatches of an update"
        )
    return problems

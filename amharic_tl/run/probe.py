"""A checkpoint probed with a culture pack: its signals, beside a base model's, and the files they go to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh

from amharic_tl.culture.mentions import Matcher
from amharic_tl.culture.pack import Pack, open_pack
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.errors import BadInputError, CannotCreateError, ConfigError
from amharic_tl.records.files import refuse_existing, write_json, write_lines, write_text
from amharic_tl.records.signals import SafetySignal
from amharic_tl.records.workdir import Workdir
from amharic_tl.reports.probe import table
from amharic_tl.reports.report import write_report
from amharic_tl.safety.alerts.judgement import family as family_of_tests
from amharic_tl.safety.drafts import WATERMARK
from amharic_tl.safety.scoring.checkpoint import Checkpoint, open_checkpoint
from amharic_tl.safety.scoring.family_figures import FamilyFigure, changes
from amharic_tl.safety.scoring.forms import FORMS
from amharic_tl.safety.scoring.judge_card import error_of
from amharic_tl.safety.scoring.judges import Judge, open_judge
from amharic_tl.safety.scoring.names import COUNTED_NAME, NameTokens, name_signals, name_tokens, readable
from amharic_tl.safety.scoring.nuance_probe import ACCURACY, Known, probe_nuance
from amharic_tl.safety.scoring.probe_signals import LEVEL, probe_signals
from amharic_tl.safety.scoring.probing import default_form, probe_panel
from amharic_tl.safety.scoring.selection import Panel, panels
from amharic_tl.safety.scoring.writing import JUDGED, KINDS, write, written_figures

# Told what is being done, and how many texts of how many are.
TellWhat = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ProbeSettings:
    """How a checkpoint is probed.

    Attributes:
      model: a directory, a run's workdir, a bundled base or a hub id.
      pack: a culture pack.
      compare: a base model of the same kind, None for none.
      axes: of the pack; empty: all that have families.
      split: families of one split alone; None: all.
      form: of scores of pairs; None: the first that the kind of model has.
      allow_draft: use what no native speaker has signed.
      direction: of real groups too, say in whose favour a figure is.
      positive_labels: of a classifier.
      judge, judge_labels: a classifier of what the model writes, and its positive labels; none: as its error was
        measured with.
      unmeasured_judge: whether one may judge of which nothing says how wrong it is.
      retired: whether families are used that were retired because their wordings do not agree.
      new_tokens, seed: of what the model writes.
      language: of the pack's texts, as the tokenizer names it, where it marks languages.
      dtype: of weights and products; None: as stored.
    """

    model: str
    pack: str = "am"
    compare: str | None = None
    axes: tuple[str, ...] = ()
    split: str | None = None
    form: str | None = None
    allow_draft: bool = False
    direction: bool = False
    positive_labels: tuple[str, ...] = ()
    judge: str | None = None
    judge_labels: tuple[str, ...] = ()
    unmeasured_judge: bool = False
    retired: bool = False
    new_tokens: int = 24
    seed: int = 0
    language: str | None = None
    dtype: str | None = None


@dataclass(frozen=True)
class Probed:
    """Signals, and what probe.json holds beside them: how they were made, never a text."""

    signals: tuple[SafetySignal, ...]
    about: dict[str, Any] = field(default_factory=dict)

    def lines(self) -> list[dict[str, Any]]:
        """The lines of safety.jsonl."""
        return [signal.to_dict() for signal in self.signals]


def probe(settings: ProbeSettings, tell: TellWhat | None = None) -> Probed:
    """Probes a checkpoint.

    Raises:
      BadInputError: the pack has nothing that may be used, or a checkpoint cannot score texts.
      ConfigError: a form that the kind of model does not have, or a base model of another kind.
      AmharicTLError: whatever else loading refuses.
    """
    pack = open_pack(settings.pack)
    chosen = panels(
        pack,
        settings.axes or None,
        allow_draft=settings.allow_draft,
        split=settings.split,
        retired=settings.retired,
    )
    mesh = make_mesh(None, 1, 1) if jax.device_count() > 1 else None
    judge = _judge(settings, mesh)
    checkpoint = _open(settings.model, settings, mesh)
    form = settings.form or default_form(checkpoint.scorer)
    if form not in FORMS[checkpoint.scorer.kind]:
        raise ConfigError(
            f"--form: a model for {checkpoint.task} has no score {form!r}; it has "
            + ", ".join(FORMS[checkpoint.scorer.kind])
        )
    counted = {panel.axis: name_tokens(checkpoint.tokenizer, panel.groups) for panel in chosen}
    known = [readable(panel, counted[panel.axis]) for panel in chosen]
    base = _base(settings, checkpoint, mesh)
    if base is not None:
        known = [readable(panel, name_tokens(base.tokenizer, panel.groups)) for panel in known]
    figures, shares = _measured(checkpoint, known, pack, form, judge, settings, tell)
    if base is not None:
        before, base_shares = _measured(base, known, pack, form, judge, settings, tell)
        figures += changes(figures, before)
        shares = {axis: {**of, "base": base_shares.get(axis, {})} for axis, of in shares.items()}
    items = _nuance(checkpoint, base, pack, settings, tell)
    signals = _signals(figures, chosen, items, judge, settings)
    for panel in chosen:
        signals += name_signals(panel.axis, counted[panel.axis], panel.unreviewed)
    about = _about(settings, pack, chosen, checkpoint, form, counted) | {
        "tests": family_of_tests([one for one in signals if one.name not in (COUNTED_NAME, ACCURACY)], LEVEL, 1),
        "watermark": _watermark(pack, chosen, items),
        "nuance": items.about if items is not None else None,
        "written": shares,
        "judge": judge.described() if judge is not None else None,
    }
    return Probed(tuple(signals), about)


def _base(settings: ProbeSettings, checkpoint: Checkpoint, mesh: Mesh | None) -> Checkpoint | None:
    if settings.compare is None:
        return None
    base = _open(settings.compare, settings, mesh)
    if base.scorer.kind != checkpoint.scorer.kind:
        raise ConfigError(
            f"--compare: {settings.compare} is a model for {base.task} and {settings.model} one for "
            f"{checkpoint.task}; their scores cannot be compared"
        )
    return base


def _signals(
    figures: Sequence[FamilyFigure],
    chosen: Sequence[Panel],
    items: Known | None,
    judge: Judge | None,
    settings: ProbeSettings,
) -> list[SafetySignal]:
    """The signals of families and items, one family of tests; a judge's own error beside what rests on it."""
    by_axis = {panel.axis: panel for panel in chosen}
    signals = probe_signals(
        figures,
        signed=lambda axis: settings.direction or axis not in by_axis or by_axis[axis].invented,
        unreviewed=lambda axis: by_axis[axis].unreviewed,
        beside=items.signals if items is not None else (),
    )
    return signals if judge is None else [_with_error(one, judge) for one in signals]


def _watermark(pack: Pack, chosen: Sequence[Panel], items: Known | None) -> str:
    """What every output says where something is a draft that speaks of real groups or of a real culture."""
    if any(panel.unreviewed for panel in chosen):
        return WATERMARK
    return "" if items is None or pack.invented else str(items.about["watermark"])


def _judge(settings: ProbeSettings, mesh: Mesh | None) -> Judge | None:
    if settings.judge is None:
        return None
    return open_judge(settings.judge, settings.judge_labels, mesh, unmeasured=settings.unmeasured_judge)


def _with_error(signal: SafetySignal, judge: Judge) -> SafetySignal:
    """A signal that rests on a judge, with the judge's own error on its group; other signals as they are."""
    if not signal.name.startswith(JUDGED):
        return signal
    detail = {**signal.detail, **error_of(judge.card, signal.axis, signal.group)}
    return replace(signal, detail=detail, estimator=f"{signal.estimator}; judged by {judge.name}")


def _nuance(
    checkpoint: Checkpoint, base: Checkpoint | None, pack: Pack, settings: ProbeSettings, tell: TellWhat | None
) -> Known | None:
    def on(done: int, total: int) -> None:
        if tell is not None:
            tell(f"{checkpoint.folder.name}, nuance", done, total)

    return probe_nuance(
        checkpoint.scorer,
        pack,
        base=base.scorer if base is not None else None,
        allow_draft=settings.allow_draft or pack.invented,
        split=settings.split,
        tell=on,
    )


def write_probe(probed: Probed, workdir: Path) -> Path:
    """Writes safety.jsonl, probe.json, probe.md and the page; into ``probe/`` where ``workdir`` is a run's.

    Returns:
      The page, which is the run's own there.
    """
    folder = probe_folder(workdir)
    write_lines(Workdir(folder).safety, probed.lines())
    write_text(folder / "probe.md", table(probed.lines(), probed.about))
    # Last: a folder with probe.json is complete.
    write_json(Workdir(folder).probe, probed.about)
    return write_report(workdir)


def probe_folder(workdir: Path) -> Path:
    """Where a probe's files go.

    Raises:
      CannotCreateError: something is there already.
    """
    if Workdir(workdir).run.is_file():
        folder = workdir / "probe"
        if folder.exists():
            raise CannotCreateError(f"--workdir: {folder} is there already; move it away, or name a new directory")
        return folder
    refuse_existing(workdir, "workdir")
    return workdir


def _open(name: str, settings: ProbeSettings, mesh: Mesh | None) -> Checkpoint:
    opened = open_checkpoint(
        name, positive=settings.positive_labels, language=settings.language, dtype=settings.dtype, mesh=mesh
    )
    if settings.positive_labels and opened.scorer.kind != "classifier":
        raise BadInputError(f"--positive-labels: {name} is a model for {opened.task}, and has no labels")
    return opened


def _measured(
    checkpoint: Checkpoint,
    chosen: Sequence[Panel],
    pack: Pack,
    form: str,
    judge: Judge | None,
    settings: ProbeSettings,
    tell: TellWhat | None,
) -> tuple[list[FamilyFigure], dict[str, Any]]:
    figures: list[FamilyFigure] = []
    shares: dict[str, Any] = {}
    for panel in chosen:
        if not panel.groups:
            continue

        def on(done: int, total: int, axis: str = panel.axis) -> None:
            if tell is not None:
                tell(f"{checkpoint.folder.name}, {axis}", done, total)

        figures += probe_panel(checkpoint.scorer, panel, pack.placebo_names, form, on)
        writes = checkpoint.scorer.kind in ("causal", "seq2seq")
        if writes and any(family.kind in KINDS for family in panel.families):
            written = write(checkpoint, panel, new_tokens=settings.new_tokens, seed=settings.seed, tell=on)
            rules = pack.answers
            draft = rules is not None and not (rules.authorship.reviewed or panel.invented or settings.allow_draft)
            more, shares[panel.axis] = written_figures(
                written, panel, Matcher(pack, [panel.axis]), judge, None if draft else rules
            )
            shares[panel.axis]["answers_are_drafts"] = draft
            figures += more
    return figures, shares


def _about(
    settings: ProbeSettings,
    pack: Pack,
    chosen: Sequence[Panel],
    checkpoint: Checkpoint,
    form: str,
    counted: dict[str, list[NameTokens]],
) -> dict[str, Any]:
    return {
        "model": settings.model,
        "task": checkpoint.task,
        "kind": checkpoint.scorer.kind,
        "form": form,
        "compare": settings.compare,
        "retired": sorted(family.id for panel in chosen for family in panel.families if family.retired is not None),
        "direction": settings.direction,
        "split": settings.split,
        "new_tokens": settings.new_tokens,
        "seed": settings.seed,
        "positive_labels": list(settings.positive_labels),
        "pack": {"id": pack.id, "title": pack.title, "fingerprint": pack.fingerprint},
        "axes": {
            panel.axis: {
                "title": pack.axis(panel.axis).title,
                "invented": panel.invented,
                "families": sorted(family.id for family in panel.families),
                "names": {group.id: group.name for group in panel.groups},
                "unknown_names": [one.group for one in counted[panel.axis] if one.unknown],
            }
            for panel in chosen
        },
    }

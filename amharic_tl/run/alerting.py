"""What a run does about its alerts: tells, keeps the evidence, and goes back or stops where it may."""

from __future__ import annotations

import hashlib
import json
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np

from amharic_tl.config import SafetyConfig
from amharic_tl.errors import TrainingStopped
from amharic_tl.records.files import read_lines, write_json
from amharic_tl.records.signals import Action, Alert
from amharic_tl.records.workdir import Workdir
from amharic_tl.safety.alerts.actions import Ground, action, decide, in_scope
from amharic_tl.safety.alerts.bundle import bundle, name_of
from amharic_tl.safety.alerts.channels import Channels
from amharic_tl.safety.alerts.judgement import on_terminal
from amharic_tl.safety.monitoring.looks import Look
from amharic_tl.training.checkpoints import Checkpoints
from amharic_tl.training.memory import Memory
from amharic_tl.training.stability.guard import for_safety
from amharic_tl.training.writers import Writer

_GO_ON, _STOP = -1, -2
_PACKAGE = Path(__file__).parents[1]


class Alerting:
    """One process's part in what follows from looks. Process 0 writes and decides; all do what it decided.

    Args:
      settings: ``config.safety``.
      workdir, writer, checkpoints: the run's.
      say: tells the user.
      first: whether this is process 0.

    Raises:
      ConfigError, MissingInputError: as :class:`~amharic_tl.safety.alerts.channels.Channels`.
    """

    def __init__(
        self,
        settings: SafetyConfig,
        workdir: Workdir,
        writer: Writer,
        checkpoints: Checkpoints,
        say: Callable[[str], None],
        first: bool,
    ) -> None:
        self.settings, self.workdir, self.writer, self.checkpoints = settings, workdir, writer, checkpoints
        self.say, self.first = say, first
        self.channels = Channels(settings, say)
        self._look: Look | None = None
        self._gone_back: Action | None = None
        self._bundle: str | None = None
        self._sent = {line.get("message_id") for line in self._events("notified")}

    def _events(self, name: str) -> list[dict[str, object]]:
        return [line for line in read_lines(self.workdir.events) if line.get("event") == name] if self.first else []

    def take(self, look: Look, step: int) -> None:
        """Records a look's alerts and tells of them; :meth:`after_evaluation` acts on the latest."""
        self._look, self._bundle = look, None
        self.writer.write_safety(look.signals, [*look.alerts, *look.moved])
        told = [alert for alert in look.alerts if "log" in self._wanted(alert)]
        for sentence in on_terminal(told, self.workdir.alerts):
            self.say(f"safety: {sentence}")
        for moved in look.moved:
            self.say(f"safety: {moved.message}")
        for alert in look.alerts:
            if alert.after in self.settings.channels.states:
                self._send(alert.message, step)
        self._keep_evidence(look, step)

    def _wanted(self, alert: Alert) -> tuple[str, ...]:
        return tuple(getattr(self.settings.actions, alert.after, ("log",)))

    def _keep_evidence(self, look: Look, step: int) -> None:
        """Writes a file for the signals whose new state asks for one, and says so in alerts.jsonl."""
        keys = {alert.signal for alert in look.alerts if "bundle" in self._wanted(alert)}
        of = [signal for signal in look.signals if signal.key in keys]
        if not of:
            return
        held = bundle(of, look.family, self.settings)
        path = self.workdir.evidence / name_of(held)
        if self.first and not path.exists():
            write_json(path, held)
        where = self._bundle = path.relative_to(self.workdir.root).as_posix()
        states = sorted({signal.state for signal in of})
        rule = "; ".join(f"safety.actions.{each}={','.join(getattr(self.settings.actions, each))}" for each in states)
        message = f"bundle: evidence of {len(of)} signals in {where}"
        self.writer.write_safety([], [action("bundle", "taken", rule, of, step, message, bundle=where)])

    def after_evaluation(self, step: int, memory: Memory) -> int | None:
        """The saved step to go back to, None to go on.

        Raises:
          TrainingStopped: the run is to stop.
        """
        if self._look is None:
            return None
        found = decide(self._look.signals, self._look.alerts, step, self.settings, self._ground(memory))
        actions = [replace(one, bundle=self._bundle) for one in found]
        code = _agreed(_code(actions))
        for one in actions:
            self.say(f"safety: {one.message}")
            self._send(one.message, step)
            self.writer.write_event(
                step, "safety_action", action=one.action, status=one.status, rule=one.rule, to=one.to
            )
            if code < 0 or one.status != "taken":
                self.writer.write_safety([], [one])
        if code == _STOP:
            because = actions[-1].message if actions else "process 0 decided so"
            raise TrainingStopped(
                f"stopped at step {step}: {because}. All is saved; alerts.jsonl says what was found. "
                "To go on all the same, type the same command with --config.safety.autonomous=false."
            )
        if code >= 0:
            self._gone_back = actions[-1] if actions else None
            return code
        clear = not any(one.state in ("confirmed", "error") for one in in_scope(self._look.signals, self.settings))
        if "rollback" in self.settings.actions.confirmed and clear:
            memory.certified = step
        return None

    def after_rollback(self) -> None:
        """Writes into alerts.jsonl, as it was at the checkpoint, why the run went back to it."""
        if self._gone_back is not None:
            self.writer.write_safety([], [self._gone_back])
        self._gone_back = self._look = None

    def _ground(self, memory: Memory) -> Ground:
        target = memory.certified or 0
        return Ground(target if target in self.checkpoints.steps() else None, len(for_safety(memory)))

    def _send(self, message: str, step: int) -> None:
        """Once for each message, whether or not the run was stopped in between."""
        if not self.first or not self.channels.used:
            return
        number = hashlib.sha256(json.dumps([step, message]).encode()).hexdigest()[:16]
        if number in self._sent:
            return
        self._sent.add(number)
        self.writer.write_event(step, "notified", message_id=number)
        self.channels.send(f"step {step:,}: {message}")

    def note_overrides(self, before: Mapping[str, object], step: int = 0) -> None:
        """Records which settings of alerts a person has changed since the run was last started.

        Args:
          before: what config.json held of ``safety``.
          step: written with them.
        """
        earlier, now = before.get("autonomous", False), self.settings.autonomous
        if earlier != now:
            self.writer.write_event(step, "override", leaf="safety.autonomous", before=earlier, after=now)

    def close(self) -> None:
        """Waits a little for messages that are on their way."""
        self.channels.close()


def _code(actions: list[Action]) -> int:
    """What a decision comes to, as a number that processes can agree on."""
    taken = next((one for one in actions if one.status == "taken"), None)
    if taken is None:
        return _GO_ON
    return _STOP if taken.to is None else taken.to


def _agreed(code: int) -> int:
    """What process 0 decided."""
    if jax.process_count() == 1:
        return code
    from jax.experimental import multihost_utils

    return int(multihost_utils.broadcast_one_to_all(np.asarray(code, np.int64)))


def what_failed(error: Exception) -> str:
    """An error of a probe in words that hold no text of a row: its kind, and where in the package it came from."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(_PACKAGE)
    ]
    where = f" at {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return f"the look failed: {type(error).__name__}{where}"

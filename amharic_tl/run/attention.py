"""Which implementation of attention a run took, and why not the others: for run.json, events.jsonl and the terminal."""

from __future__ import annotations

from typing import Any

from amharic_tl.models.attention import Choice


class AttentionRecord:
    """The choices of a run, those for the same reasons together.

    ``lines`` are what run.json holds: the path, the platform, the reasons against the other paths, and of each kind of
    call its dtype, features and lengths ``[queries, keys]``.
    """

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def add(self, choice: Choice) -> dict[str, Any] | None:
        """Takes note of a choice; what is new of it, None where a choice like it was made before."""
        request = choice.request
        kind = {"dtype": request.dtype, "features": sorted(request.features)}
        lengths = [request.queries, request.keys]
        line: dict[str, Any] = {
            "path": choice.path,
            "platform": choice.machine.platform,
            "not_taken": dict(choice.not_taken),
        }
        for known in self.lines:
            if all(known[name] == value for name, value in line.items()):
                _add_call(known["calls"], kind, lengths)
                return None
        self.lines.append({**line, "calls": []})
        _add_call(self.lines[-1]["calls"], kind, lengths)
        return line


def _add_call(calls: list[dict[str, Any]], kind: dict[str, Any], lengths: list[int]) -> None:
    for call in calls:
        if all(call[name] == value for name, value in kind.items()):
            if lengths not in call["lengths"]:
                call["lengths"].append(lengths)
            return
    calls.append({**kind, "lengths": [lengths]})

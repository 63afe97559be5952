"""``config.data.gates``: findings that stop a run before it trains."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from amharic_tl.audit.lengths import LoadTokenizer
from amharic_tl.audit.material import Material
from amharic_tl.audit.whole import finding_names, findings_of, run_checks
from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.records.findings import SEVERITIES, Finding

BY_SEVERITY = ("warning", "error")


def check_gates(gates: Sequence[str]) -> None:
    """Refuses a gate that nothing can trip.

    Raises:
      ConfigError: it is neither the name of a finding nor a severity.
    """
    known = [*BY_SEVERITY, *finding_names()]
    for gate in gates:
        if gate not in known:
            near = difflib.get_close_matches(gate, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the gates are none, {', '.join(known)}"
            raise ConfigError(f"config.data.gates: there is no finding or severity {gate!r}; {hint}")


def tripped(findings: Sequence[Finding], gates: Sequence[str]) -> list[Finding]:
    """The findings that ``gates`` stop at: those of a name, if more than info; those of a severity or graver."""
    least = min((SEVERITIES.index(gate) for gate in BY_SEVERITY if gate in gates), default=len(SEVERITIES))
    return [
        found
        for found in findings
        if SEVERITIES.index(found.severity) >= least or (found.name in gates and found.severity != "info")
    ]


def stop_at_gates(material: Material, load_tokenizer: LoadTokenizer) -> None:
    """Runs the checks that the config's gates ask for, no others, and stops at what they find.

    Raises:
      ConfigError: a gate that does not exist.
      BadInputError: a gate is tripped; the sentence names the findings and what to do.
    """
    gates = material.config.data.gates or ()
    check_gates(gates)
    if not gates:
        return
    by_severity = any(gate in BY_SEVERITY for gate in gates)
    results = run_checks(material, load_tokenizer, None if by_severity else gates)
    stopped = tripped(findings_of(results), gates)
    if stopped:
        raise BadInputError(gate_sentence(stopped))


def gate_sentence(stopped: Sequence[Finding]) -> str:
    """What a user is told where gates are tripped."""
    listed = "\n  ".join(f"{found.name} ({found.severity}): {found.sentence}. {found.advice}" for found in stopped[:10])
    return (
        f"the data are stopped by config.data.gates:\n  {listed}\n"
        "amharic-tl audit with the same config shows the rows; --config.data.gates=none passes them all."
    )

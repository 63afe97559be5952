"""A study repeated: its commands are run, and each claim is laid beside what came out."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from amharic_tl.errors import InputOutputError
from amharic_tl.records.files import writing
from amharic_tl.studies.claims import LEVELS, PARTS, Claim, Study

NOT_RUN = "NOT RUN"
PRINTED = "printed.txt"
# In the place of a level, of a figure that was not made anew: what is kept gives what is printed, to its last digit.
KEPT = "as kept"


@dataclass(frozen=True)
class Verdict:
    """A claim beside a figure. ``level``: the strictest within whose tolerance it lies, or ``KEPT``; None for none."""

    claim: Claim
    reference: float
    got: float | None
    level: str | None

    def holds(self, asked: str) -> bool | None:
        """Whether the claim holds at a level or a stricter one; None where it was not run."""
        if self.got is None:
            return None
        if self.level == KEPT:
            return True
        return self.level is not None and LEVELS.index(self.level) <= LEVELS.index(asked)

    def line(self) -> str:
        """Claim, what was claimed, what came out, tolerance, verdict."""
        if self.got is None:
            return f"{self.claim.id}: {self.claim.claim}\n  claimed {self.claim.printed}   {NOT_RUN}"
        if self.level == KEPT:
            return f"{self.claim.id}: {self.claim.claim}\n  claimed {self.claim.printed}   kept {self.got:.6g}   agrees"
        bounds = ", ".join(f"{level} {bound:g}" for level, bound in self.claim.tolerance.items())
        said = f"holds ({self.level})" if self.level else "DOES NOT HOLD"
        return (
            f"{self.claim.id}: {self.claim.claim}\n  claimed {self.claim.printed}   got {self.got:.6g}   "
            f"off by {abs(self.got - self.reference):.2g}   tolerance {bounds}   {said}"
        )


def check(study: Study) -> list[Verdict]:
    """Whether what is kept beside a study gives the figures that it claims, to their last digit. Runs nothing."""
    return [_kept(study, claim) for claim in study.claims]


def _kept(study: Study, claim: Claim) -> Verdict:
    got = claim.kept.value(study.folder, {})
    agrees = got is not None and abs(got - claim.value) <= claim.rounding()
    return Verdict(claim, claim.value, got, KEPT if agrees else None)


def reproduce(study: Study, root: Path, names: Mapping[str, str], say: Callable[[str], None] = print) -> list[Verdict]:
    """Runs the commands of a study's claims, each once, and compares.

    Args:
      study: its claims; those without ``fresh`` are compared with what is kept alone.
      root: of the repository, where commands run.
      names: ``data`` and ``output``, which stand in braces in commands and files.
      say: told each command before it runs.

    Raises:
      InputOutputError: a command failed; the same call goes on where commands resume.
    """
    for command in dict.fromkeys(claim.command for claim in study.claims if claim.fresh is not None):
        words = shlex.split(command.format(**names))
        say(f"$ {shlex.join(words)}")
        code = _run(_executable(words), root, root / names["output"] / PRINTED)
        if code:
            raise InputOutputError(f"{shlex.join(words)} ended with {code}; type the same command again to go on")
    return [_verdict(study, claim, root, names) for claim in study.claims]


def _run(words: Sequence[str], root: Path, printed: Path) -> int:
    """Runs a command, shows what it prints and adds that to a file; its exit code."""
    with writing(printed):
        printed.parent.mkdir(parents=True, exist_ok=True)
        file = printed.open("a", encoding="utf-8")
    # A script that a command calls finds this Python first, too.
    found = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    with (
        file,
        subprocess.Popen(
            words,
            cwd=root,
            env=os.environ | {"PATH": found},
            stdout=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        ) as process,
    ):
        for line in process.stdout or ():
            print(line, end="", flush=True)
            file.write(line)
    return process.returncode


def _executable(words: Sequence[str]) -> list[str]:
    """The command with this Python, and this package, in the place of whatever the path would find."""
    heads = {"python": [sys.executable], "amharic-tl": [sys.executable, "-m", "amharic_tl"]}
    return [*heads.get(words[0], [words[0]]), *words[1:]]


def _verdict(study: Study, claim: Claim, root: Path, names: Mapping[str, str]) -> Verdict:
    if claim.fresh is None:
        return _kept(study, claim)
    kept = claim.kept.value(study.folder, {})
    # What is kept has more digits than what is printed.
    reference = claim.value if kept is None else kept
    got = claim.fresh.value(root, names)
    within = [
        level for level in LEVELS
        if got is not None and level in claim.tolerance and abs(got - reference) <= claim.tolerance[level]
    ]  # fmt: skip
    return Verdict(claim, reference, got, within[0] if within else None)


def artifact_page(studies: Sequence[Study]) -> str:
    """ARTIFACT.md: every claim with the command that makes it."""
    lines = [
        "# Claims and the commands that make them",
        "",
        "Written by `amharic-tl reproduce --artifact ARTIFACT.md` from the `claims.toml` of each study. `{data}` is",
        "the folder that holds the public sets, `{output}` where runs go. `amharic-tl reproduce NAME --check` compares",
        "what is kept with what is claimed, without running anything; `amharic-tl reproduce NAME --data DATA` runs it",
        "again and says at which level each claim holds:",
        "",
        "- *bitwise on CPU*: the same versions (requirements.lock) on the same kind of CPU;",
        "- *same accelerator*: the same kind of device, other sums in another order;",
        "- *statistical*: another device or other versions; the tolerance is what seeds alone move.",
        "",
    ]
    for study in studies:
        lines += [f"## {study.name}", ""]
        lines += [f"- {part}: {_shown(study, part)}" for part in PARTS]
        lines += ["", "| claim | figure | tolerance | command |", "| --- | --- | --- | --- |"]
        for claim in study.claims:
            bounds = "; ".join(f"{level}: {bound:g}" for level, bound in claim.tolerance.items())
            lines.append(f"| `{claim.id}`: {claim.claim} | {claim.printed} | {bounds} | `{claim.command}` |")
        lines.append("")
    return "\n".join(lines)


def _shown(study: Study, part: str) -> str:
    said = study.parts[part]
    if part == "command":
        return f"`{said}`"
    if said in [path.name for path in study.folder.iterdir()]:  # a sentence can be too long for a file's name
        return f"[{said}](experiments/{study.name}/{said})"
    return said

"""What the model card says of the licence: its front matter, and nothing that is guessed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from amharic_tl.studies.select_base.gates.gate import Gate

_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*(\n|\Z)", re.DOTALL)
_NON_COMMERCIAL = re.compile(r"(^|[-_ ])nc([-_ ]|$)|non-?commercial|research-only", re.IGNORECASE)
# Licences that let anything be done as long as their terms are kept.
_OPEN = re.compile(
    r"(apache|mit|bsd|cc0|cc-by(-sa)?-[\d.]+|unlicense|isc|zlib|mpl|a?gpl|lgpl|pddl|odc-by|artistic|wtfpl|ecl|afl|epl)"
    r"[-\d.]*(clause|only|or-later|clear)*"
)
_ASKED = "open, or said"


def licence_gate(folder: Path) -> Gate:
    """Judges ``license:`` of README.md; a non-commercial or unusual one is flagged, none is unknown, none rejects."""
    card = _front_matter(folder / "README.md")
    if card is None:
        return _gate("unknown", "unknown", "there is no model card (README.md with front matter); ask who made it")
    said = card.get("license")
    named = [str(one).strip() for one in (said if isinstance(said, list) else [said]) if one]
    if not named or named == ["unknown"]:
        return _gate("unknown", "unknown", "the model card names no licence; ask who made it")
    shown = ", ".join(named)
    if named == ["other"] and card.get("license_name"):
        shown = f"other ({card['license_name']})"
    if any(map(_NON_COMMERCIAL.search, [*named, str(card.get("license_name") or "")])):
        return _gate(shown, "flagged", "non-commercial: so is what is made of it, whatever the data allows")
    if all(_OPEN.fullmatch(name.lower()) for name in named):
        return _gate(shown, "passed", "said by the model card")
    return _gate(shown, "flagged", "a licence with terms of its own: read them before the model is used or passed on")


def _gate(figure: str, verdict: Any, sentence: str) -> Gate:
    return Gate("licence", figure, _ASKED, verdict, sentence)


def _front_matter(path: Path) -> dict[str, Any] | None:
    """The YAML at the top of a model card; None where there is none that can be read."""
    import yaml

    try:
        found = _FRONT_MATTER.match(path.read_text(encoding="utf-8"))
        card = yaml.safe_load(found[1]) if found else None
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    return card if isinstance(card, dict) else None

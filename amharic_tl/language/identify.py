"""Which language a text is in, as far as common words and letters tell. A count with known errors, not a model.

Words of each language are data (``languages.yaml``). A text without any of them, or with as many of two languages, is
left undecided: short texts often are. How often it errs on parallel news is in ``docs/audit.md``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from amharic_tl.language.script import LINKS_AND_MENTIONS, script_counts

UNDECIDED_ETHIOPIC, UNDECIDED_LATIN, OTHER, NO_LETTERS = (
    "ethiopic, undecided",
    "latin, undecided",
    "other",
    "no letters",
)
# A word that only has a telling letter may be a spelling of the neighbour's: two weigh as much as a common word.
LETTER_WEIGHT = 0.5
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


@dataclass(frozen=True)
class Markers:
    """What speaks for a language: common words, and letters that its neighbours in the script hardly write."""

    script: str
    words: frozenset[str]
    letters: frozenset[str]


@functools.cache
def markers() -> Mapping[str, Markers]:
    """The languages that are told apart, by name."""
    import yaml

    file = resources.files("amharic_tl.language") / "languages.yaml"
    read = yaml.safe_load(file.read_text(encoding="utf-8"))["languages"]
    return {
        name: Markers(entry["script"], frozenset(entry["words"].split()), frozenset(entry.get("letters", "")))
        for name, entry in read.items()
    }


def language_of(text: str) -> str:
    """The language whose words a text holds most of, in the script that most of its letters are in.

    Returns a name of :func:`markers`, or one of the
    constants above where nothing speaks, or two languages equally.
    """
    words = _WORD.findall(LINKS_AND_MENTIONS.sub(" ", text).lower().replace("’", "'"))
    letters = script_counts("".join(words))
    if not any(letters.values()):
        return NO_LETTERS
    script = max(letters, key=lambda name: letters[name])
    if script == "other":
        return OTHER
    undecided = UNDECIDED_ETHIOPIC if script == "ethiopic" else UNDECIDED_LATIN
    scores = {
        name: sum(
            1.0 if word in known.words else LETTER_WEIGHT * (not known.letters.isdisjoint(word)) for word in words
        )
        for name, known in markers().items()
        if known.script == script
    }
    best = max(scores.values())
    leading = [name for name, score in scores.items() if score == best]
    return leading[0] if best >= 1.0 and len(leading) == 1 else undecided

"""A file of texts written anew with its ways of writing made one, and what that changed."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from amharic_tl.data.readers import read_text
from amharic_tl.data.rows import place
from amharic_tl.errors import BadInputError, CannotCreateError, ConfigError
from amharic_tl.language.normalisation import Normaliser
from amharic_tl.language.words import word_spans
from amharic_tl.records.files import write_text

ENDINGS = (".txt", ".jsonl")


@dataclass(frozen=True)
class Counts:
    """What a file's normal form changed.

    Attributes:
      texts: texts that are not empty.
      changed_texts: those that changed.
      words: of all texts, as they were.
      changed_words: those in which something changed.
      places: by form, how many places it changed.
      words_by_form: by form, how many words it changed.
    """

    texts: int
    changed_texts: int
    words: int
    changed_words: int
    places: Counter[str]
    words_by_form: Counter[str]


def count_changes(texts: list[str], normaliser: Normaliser) -> Counts:
    """What the normal forms of some texts change; nothing is written."""
    changed_texts = words = changed_words = 0
    places: Counter[str] = Counter()
    words_by_form: Counter[str] = Counter()
    for text in texts:
        changes = normaliser(text).changes
        spans = word_spans(text, normaliser.name)
        words += len(spans)
        changed_texts += bool(changes)
        places.update(form for change in changes for form in change.forms)
        first = 0
        for start, end in spans:
            while first < len(changes) and changes[first].source_end <= start:
                first += 1
            inside: set[str] = set()
            for change in changes[first : first + end - start]:
                if change.source_start >= end:
                    break
                inside.update(change.forms)
            changed_words += bool(inside)
            words_by_form.update(inside)
    return Counts(sum(bool(text.strip()) for text in texts), changed_texts, words, changed_words, places, words_by_form)


def normalise_file(source: Path, output: Path, normaliser: Normaliser, column: str | None = None) -> Counts:
    """Writes ``source`` to ``output`` with its texts in their normal form; lines that do not change keep their bytes.

    Args:
      source: ``.txt``, every line a text, or ``.jsonl``, an object a line; also ``.gz``.
      output: a file that is not there yet, of the same kind and not compressed.
      normaliser: what is made one.
      column: of a ``.jsonl``, where the text is.

    Raises:
      ConfigError: the kinds of the files do not fit, the column is missing, before anything is read.
      CannotCreateError: the output is there already.
      AmharicTLError: the source cannot be read or is malformed, the output cannot be written.
    """
    kind = Path(source.name.removesuffix(".gz")).suffix.lower()
    if kind not in ENDINGS or output.suffix.lower() != kind:
        raise ConfigError(
            f"expected {' or '.join(ENDINGS)} (also .gz) and an output of the same ending, "
            f"found {source.name} and {output.name}"
        )
    if (kind == ".jsonl") != (column is not None):
        raise ConfigError("--column=NAME says where the text of a .jsonl is, and goes with such a file only")
    if output.exists():
        raise CannotCreateError(f"--output: {output} exists already; name a new file")
    lines = read_text(source).split("\n")
    texts = (
        lines if column is None else [_text_of(source, number, line, column) for number, line in enumerate(lines, 1)]
    )
    written = []
    for line, text in zip(lines, texts, strict=True):
        new = normaliser.text(text)
        if new == text:
            written.append(line)
        elif column is None:
            written.append(new)
        else:
            written.append(json.dumps({**json.loads(line), column: new}, ensure_ascii=False))
    counts = count_changes(texts, normaliser)
    write_text(output, "\n".join(written))
    return counts


def _text_of(source: Path, number: int, line: str, column: str) -> str:
    if not line.strip():
        return ""
    try:
        record = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadInputError(f"{place(source, number)}: not valid JSON: {error}") from None
    if not isinstance(record, dict) or not isinstance(record.get(column), str):
        has = f"an object with {', '.join(map(repr, record))[:200]}" if isinstance(record, dict) else "no object"
        raise BadInputError(f"{place(source, number)}: expected an object with a text in {column!r}, found {has}")
    return str(record[column])

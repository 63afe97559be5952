"""``amharic-tl normalise``: a copy of a file in which ways of writing are made one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from amharic_tl.cli.arguments import UsageError, parse, require

HELP = """usage: amharic-tl normalise FILE --output FILE [--forms homophones,punctuation] [--column NAME] [--writing am]

Writes a copy of FILE (.txt, or .jsonl with --column; also .gz) in which ways of writing are made one, and says what it
changed. The file itself is left alone, and an output that exists is refused. For comparing and counting: models are
best trained on text as people write it.

  --output    the copy, of the same ending, not compressed
  --forms     what is made one (default homophones,punctuation); --forms=list shows all of them
  --column    where the text of a .jsonl is
  --writing   the language: am (default), ti, or a .yaml file of your own
"""
WORDS = ("FILE",)
OPTIONS = ("output", "forms", "column", "writing")


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    parsed = parse(arguments, OPTIONS, words=WORDS)
    if parsed.help:
        print(HELP)
        return 0
    from amharic_tl.errors import BadInputError
    from amharic_tl.language.normalisation import DEFAULT_FORMS, Normaliser
    from amharic_tl.language.writing import open_writing

    options = parsed.options
    name = options.get("writing", "am")
    writing = open_writing(name)
    if options.get("forms") == "list":
        for form in writing.forms.values():
            print(f"{form.name:<14}{form.title}")
        return 0
    if "FILE" not in options:
        raise UsageError("the file is missing, for example amharic-tl normalise text.txt --output normal.txt")
    output = Path(require(options, "output", "normal.txt"))
    forms = [form.strip() for form in options["forms"].split(",")] if "forms" in options else list(DEFAULT_FORMS)
    try:
        normaliser = Normaliser(forms, name)
    except BadInputError as error:
        raise UsageError(f"--forms: {error}") from None
    from amharic_tl.data.normalised_file import normalise_file

    counts = normalise_file(Path(options["FILE"]), output, normaliser, options.get("column"))
    for form in normaliser.forms:
        print(f"{form.name}: {counts.places[form.name]:,} places, {counts.words_by_form[form.name]:,} words")
    share = f" ({counts.changed_words / counts.words:.1%})" if counts.words else ""
    print(
        f"changed {counts.changed_words:,} of {counts.words:,} words{share}, {counts.changed_texts:,} of "
        f"{counts.texts:,} texts; written to {output}"
    )
    if not writing.authorship.reviewed:
        print(f"note: the tables of written {writing.language} are machine-drafted and unreviewed")
    return 0

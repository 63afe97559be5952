"""A vocabulary as a user asks for it: reads text and model, changes both, measures, writes a new directory."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from amharic_tl.data.rows import Columns
from amharic_tl.data.sources import read_source
from amharic_tl.data.tokenizer import load_tokenizer
from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.models import HFConfig, from_pretrained, save_pretrained
from amharic_tl.models.interchange.locate import locate, read_config
from amharic_tl.models.interchange.weights import open_weights
from amharic_tl.models.registry import family_of, task_of
from amharic_tl.records.files import refuse_existing, write_json, writing
from amharic_tl.transfer.vocabulary import focus
from amharic_tl.transfer.vocabulary.extend import extend
from amharic_tl.transfer.vocabulary.figures import findings, norm_ratio, pieces_by_script
from amharic_tl.transfer.vocabulary.gate import DECLINED, NOT_NEEDED, RECORD, WANTED, next_command
from amharic_tl.transfer.vocabulary.initialise import METHODS, Method, Rows, fill_table, plan_rows
from amharic_tl.transfer.vocabulary.measure import measure
from amharic_tl.transfer.vocabulary.pieces import Script
from amharic_tl.transfer.vocabulary.replace import replace
from amharic_tl.transfer.vocabulary.serialised import Change, Serialised, serialised
from amharic_tl.transfer.vocabulary.special_ids import ids_in, renumber
from amharic_tl.transfer.vocabulary.tables import vocabulary_axes, with_tables
from amharic_tl.transfer.vocabulary.tokenizer_files import write_tokenizer
from amharic_tl.transfer.vocabulary.trim import trim

Action = Literal["audit", "extend", "replace", "trim"]
ACTIONS: tuple[Action, ...] = ("audit", "extend", "replace", "trim")
HELD_OUT_OF = 10
MOST_MEASURED = 3_000_000  # characters of held-out text; more would not change a digit that is shown
PROBED = 200
# Their positions count from the padding id, so that another id would shift every position.
_POSITIONS_FROM_PADDING = ("roberta", "xlm-roberta", "xlm-roberta-xl", "m2m_100")


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    Attributes:
      action: one of :data:`ACTIONS`.
      model: a directory, a bundled base or a hub id.
      text: sources to learn from, as ``config.data.train`` takes them.
      heldout: sources to measure on; none: every tenth text of ``text``, which is then not learned from.
      column: that holds the text.
      size: of ``extend``: new pieces; of ``replace``: tokens in all.
      initialise: how new rows are made.
      minimum_count: of ``trim``.
      counts_alone: of ``trim``: whether Ethiopic pieces stay only where they are counted too.
      script: of ``extend``.
      task: whose head is kept; None: that of config.json.
      seed: of draws and of FOCUS.
      without_pretraining: whether a task may be learned on the model as it is.
    """

    action: Action
    model: str
    text: tuple[str, ...]
    heldout: tuple[str, ...] = ()
    column: str = "text"
    size: int = 5000
    initialise: Method = "subword-mean"
    minimum_count: int = 1
    counts_alone: bool = False
    script: Script = "ethiopic"
    task: str | None = None
    seed: int = 0
    without_pretraining: bool = False


def run(wanted: Wanted, output: Path, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Does what is asked for and writes ``output``: the model with its tokenizer (not for ``audit``), vocabulary.json.

    The directory appears whole or not at all.

    Returns:
      What vocabulary.json holds.

    Raises:
      ConfigError: an unknown word, or a number out of range.
      CannotCreateError: ``output`` is there already.
      MissingInputError, BadInputError: model or text is absent or wrong, or the tokenizer cannot be changed.
    """
    _check(wanted)
    refuse_existing(output, "output")
    folder = locate(wanted.model)
    say("reading")
    tokenizer = load_tokenizer(folder)
    old = serialised(tokenizer, str(folder))
    learned, held = _texts(wanted)
    say("measuring the old vocabulary")
    record: dict[str, Any] = {
        "action": wanted.action,
        "model": wanted.model,
        "asked": asdict(wanted),
        "kind": f"byte-level {old.kind}" if old.byte_level else old.kind,
        "text": _amount(learned),
        "heldout": _amount(held),
        "before": measure(old, held),
        **dict.fromkeys(("after", "initialise", "tokens", "rows", "text_split_otherwise", "next")),
        "notes": [],
        "further_pretraining": NOT_NEEDED,
    }
    partial = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        if wanted.action == "audit":
            record["pieces"] = pieces_by_script(old, None, None)
        else:
            _change(wanted, folder, tokenizer, old, learned, held, partial, output, record, say)
        record["findings"] = [found.as_json() for found in findings(record)]
        write_json(partial / RECORD, record)
        with writing(output):
            if output.exists():
                output.rmdir()  # an empty one, as was checked
            partial.rename(output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return record


def _check(wanted: Wanted) -> None:
    if wanted.action not in ACTIONS:
        raise ConfigError(f"vocabulary: expected one of {', '.join(ACTIONS)}, found {wanted.action!r}")
    if not wanted.text:
        raise ConfigError("--text is missing: name files of running text, for example --text news.txt")
    for name in ("size", "minimum_count"):
        if getattr(wanted, name) < 1:
            raise ConfigError(f"--{name.replace('_', '-')}: expected at least 1, found {getattr(wanted, name)}")
    for name, value, known in (
        ("initialise", wanted.initialise, METHODS),
        ("script", wanted.script, ("ethiopic", "any")),
    ):
        if value not in known:
            raise ConfigError(f"--{name}: expected one of {', '.join(known)}, found {value!r}")


def _texts(wanted: Wanted) -> tuple[list[str], list[str]]:
    """Lines to learn from, and lines to measure on."""
    columns = Columns(wanted.column, None)
    texts = [row.text for row in read_source(wanted.text, columns).rows]
    if wanted.heldout:
        held = [row.text for row in read_source(wanted.heldout, columns).rows]
    else:
        held = texts[HELD_OUT_OF - 1 :: HELD_OUT_OF]
        texts = [text for number, text in enumerate(texts, 1) if number % HELD_OUT_OF]
    if not held:
        raise BadInputError(
            f"the text has {len(texts)} rows: expected at least {HELD_OUT_OF}, of which one is held out to measure on; "
            "give more, or name other text with --heldout"
        )
    return _lines(texts), _lines(held, MOST_MEASURED)


def _lines(texts: Sequence[str], most: int | None = None) -> list[str]:
    found, characters = [], 0
    for text in texts:
        for line in text.splitlines():
            if line.strip():
                found.append(line)
                characters += len(line)
        if most is not None and characters >= most:
            break
    return found


def _amount(lines: Sequence[str]) -> dict[str, int]:
    return {"lines": len(lines), "characters": sum(map(len, lines))}


def _change(
    wanted: Wanted,
    folder: Path,
    tokenizer: Any,
    old: Serialised,
    learned: list[str],
    held: list[str],
    partial: Path,
    output: Path,
    record: dict[str, Any],
    say: Callable[[str], None],
) -> None:
    """Changes tokenizer and model, writes them to ``partial`` and fills ``record``."""
    config = read_config(folder)
    task = wanted.task or task_of(config, f"{folder}/config.json") or "backbone"
    model = from_pretrained(str(folder), None if task == "backbone" else task)
    if model.load_report.newly_initialised:
        raise BadInputError(
            f"{folder} lacks the head of {task}, which would be drawn at random and pass for a trained one; choose "
            "another --task"
        )
    say("learning pieces" if wanted.action != "trim" else "counting pieces")
    named = ids_in(model.hf_config) | ids_in(model.generation_config)
    change = _changed(wanted, old, learned, sorted(named & set(old.ids.values())))
    _check_padding(model.hf_config, tokenizer, change)
    old_rows = int(config["vocab_size"])
    say("making rows")
    rows = plan_rows(
        old, change, old_rows, wanted.initialise, lambda new: _focus(change, learned, new, old_rows, wanted.seed)
    )
    model, ratio = _with_rows(model, folder, None if task == "backbone" else task, rows, wanted.seed)
    _renumbered(model, change, folder, len(rows.origin))
    say("writing")
    save_pretrained(model, partial)
    notes = write_tokenizer(partial, folder, tokenizer, old, change, [*held[:PROBED], *_OTHER_TEXTS])
    added = int((change.origin < 0).sum())
    if wanted.action == "extend" and added < wanted.size:
        notes.append(
            f"{wanted.size:,} pieces were asked for; the text brought {added:,} that stand in it more than once"
        )
    say("measuring the new vocabulary")
    grown = wanted.action in ("extend", "replace")
    further = (DECLINED if wanted.without_pretraining else WANTED) if grown else NOT_NEEDED
    record |= {
        "initialise": wanted.initialise if grown else None,
        "after": measure(change.tokenizer, held),
        "pieces": pieces_by_script(old, change, rows),
        "tokens": {"before": len(old.ids), "after": len(change.tokenizer.ids)},
        "rows": {
            "before": old_rows,
            "all": len(rows.origin),
            "copied": int((rows.origin >= 0).sum()),
            "new": len(rows.new),
            "drawn": int(rows.drawn.sum()),
            "norm_ratio": ratio,
        },
        "text_split_otherwise": None if grown else _split_otherwise(old, change, learned),
        "notes": notes,
        "further_pretraining": further,
        "next": next_command(output, task, ",".join(wanted.text)) if grown else None,
    }


_OTHER_TEXTS = ("Hello, world! 123", "ሰላም ለዓለም።", "café naïve", "привет 你好 مرحبا")


def _changed(wanted: Wanted, old: Serialised, learned: list[str], keep: list[int]) -> Change:
    if wanted.action == "extend":
        return extend(old, learned, wanted.size, wanted.script)
    if wanted.action == "replace":
        return replace(old, learned, wanted.size)
    return trim(old, learned, wanted.minimum_count, keep, wanted.counts_alone)


def _check_padding(config: Mapping[str, Any], tokenizer: Any, change: Change) -> None:
    """Refuses to move the padding id where positions are counted from it."""
    pad = tokenizer.pad_token_id
    moved = change.tokenizer.ids.get(tokenizer.pad_token) != pad
    if moved and config.get("model_type") in _POSITIONS_FROM_PADDING:
        raise BadInputError(
            f"the padding token has id {pad}, behind ordinary pieces, and positions of a {config['model_type']} model "
            "are counted from it; of this tokenizer only extend keeps the ids"
        )


def _focus(change: Change, texts: Sequence[str], new: np.ndarray, old_rows: int, seed: int) -> focus.Mixtures:
    origin = np.where(change.origin < old_rows, change.origin, -1)
    return focus.mixtures(focus.token_vectors(change, texts, seed), new, origin)


def _with_rows(model: Any, folder: Path, task: str | None, rows: Rows, seed: int) -> tuple[Any, float | None]:
    """The model with new tables, and how long new rows of words are beside old ones."""
    axes = vocabulary_axes(model.hf_config, task, open_weights(folder))
    family = family_of(model.hf_config, "config.json")
    ratios: dict[str, float | None] = {}
    generators = {name: np.random.default_rng([seed, place]) for place, name in enumerate(sorted(axes))}

    def change(name: str, table: np.ndarray) -> np.ndarray:
        new = fill_table(rows, table, generators[name])
        if name.endswith(family.word_table):
            ratios[name] = norm_ratio(new, rows, table)
        return new

    model = with_tables(model, axes, change)
    return model, next(iter(ratios.values()), None)


def _renumbered(model: Any, change: Change, folder: Path, size: int) -> None:
    """Sets ``vocab_size`` and the special ids of both configs."""
    places = {int(before): place for place, before in enumerate(change.origin) if before >= 0}
    same = all(before == place for before, place in places.items())
    config, generation = dict(model.hf_config), dict(model.generation_config)
    if not same or len(places) < int(config["vocab_size"]):
        identity = {number: number for number in range(size)} if same else {}
        config = renumber(config, {**identity, **places}, f"{folder}/config.json")
        generation = renumber(generation, {**identity, **places}, f"{folder}/generation_config.json")
    model.hf_config = HFConfig({**config, "vocab_size": size})
    model.generation_config = HFConfig(generation)


def _split_otherwise(old: Serialised, change: Change, texts: Sequence[str]) -> int:
    """How many lines are not cut into the same pieces."""
    before, after = old.build(), change.tokenizer.build()
    found = 0
    for start in range(0, len(texts), 1000):
        batch = list(texts[start : start + 1000])
        pairs = zip(
            before.encode_batch_fast(batch, add_special_tokens=False),
            after.encode_batch_fast(batch, add_special_tokens=False),
            strict=True,
        )
        found += sum(one.ids != [int(change.origin[token]) for token in other.ids] for one, other in pairs)
    return found

"""A changed tokenizer as files that Hugging Face loads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from amharic_tl.data.tokenizer import load_tokenizer, special_ends
from amharic_tl.errors import AmharicTLError, BadInputError, name_some
from amharic_tl.records.files import read_object, write_bytes, write_json, write_text, writing
from amharic_tl.transfer.vocabulary.sentencepiece_file import changed_file, find_file, splits_alike
from amharic_tl.transfer.vocabulary.serialised import Change, Serialised

# Classes that load tokenizer.json as it is; the others build some of it by themselves.
PLAIN_CLASS = "PreTrainedTokenizerFast"
_SPECIAL = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


def write_tokenizer(
    target: Path, source: Path, tokenizer: Any, old: Serialised, change: Change, probes: Sequence[str]
) -> list[str]:
    """Writes the files of a changed tokenizer.

    tokenizer.json is what counts. The forms that the source has beside it (vocab.txt, vocab.json and merges.txt, a
    sentencepiece file) are written too where they can say the same, and left out where they cannot.

    Args:
      target: the new directory.
      source: the directory of the old model.
      tokenizer: the old one, as Hugging Face loads it.
      old: the same as tokenizer.json has it.
      change: the new one.
      probes: texts by which the files are read back.

    Returns:
      What to know about the files, in sentences.

    Raises:
      BadInputError: the files, read back, do not split ``probes`` as the new tokenizer does.
    """
    with writing(target):
        target.mkdir(parents=True, exist_ok=True)
    new = change.tokenizer
    write_text(target / "tokenizer.json", json.dumps(new.content, ensure_ascii=False, indent=1) + "\n")
    config = _config(source, target, tokenizer)
    decoder = config.pop("added_tokens_decoder", None)
    if isinstance(decoder, dict):
        tokens = [token for token in decoder.values() if token.get("content") in new.ids]
        config["added_tokens_decoder"] = {str(new.ids[token["content"]]): token for token in tokens}
    write_json(target / "tokenizer_config.json", config)
    for name in ("special_tokens_map.json", "chat_template.jinja"):
        if (source / name).is_file():
            with writing(target / name):
                shutil.copyfile(source / name, target / name)
    notes = _other_forms(target, source, old, change, probes)
    if not _reads_back(target, new, probes, tokenizer):
        plain = {**config, **_special_tokens(tokenizer), "tokenizer_class": PLAIN_CLASS}
        write_json(target / "tokenizer_config.json", plain)
        notes.append(
            f"transformers' {config.get('tokenizer_class')} builds parts of a tokenizer by itself and would split "
            f"texts otherwise; tokenizer_config.json names {PLAIN_CLASS}, which reads tokenizer.json as it is"
        )
        if not _reads_back(target, new, probes, tokenizer):
            raise BadInputError(
                f"{source}: transformers does not read its changed tokenizer back as it was written; the vocabulary of "
                f"a {type(tokenizer).__name__} cannot be changed here"
            )
    return notes


def _config(source: Path, target: Path, tokenizer: Any) -> dict[str, Any]:
    """The source's tokenizer_config.json; where it has none, what transformers writes."""
    if (source / "tokenizer_config.json").is_file():
        return read_object(source / "tokenizer_config.json")
    aside = target / ".saved"
    tokenizer.save_pretrained(aside)
    config = read_object(aside / "tokenizer_config.json")
    shutil.rmtree(aside)
    return config


def _special_tokens(tokenizer: Any) -> dict[str, str]:
    return {name: str(value) for name in _SPECIAL if (value := getattr(tokenizer, name, None)) is not None}


def _reads_back(folder: Path, new: Serialised, probes: Sequence[str], old: Any) -> bool:
    """Whether transformers cuts texts by the files as ``new`` does, and sets the tokens of ``old`` around them."""
    try:
        loaded = load_tokenizer(folder)
        around = [_around(tokenizer) for tokenizer in (old, loaded)]
    except AmharicTLError:
        return False
    backend = new.build()
    return (
        around[0] == around[1]
        and all(
            loaded(text, add_special_tokens=False)["input_ids"] == backend.encode(text, add_special_tokens=False).ids
            for text in probes
        )
        and all(loaded.convert_tokens_to_ids(token) == place for token, place in new.added.items())
    )


def _around(tokenizer: Any) -> list[list[str]]:
    return [tokenizer.convert_ids_to_tokens(ids) for ids in special_ends(tokenizer)]


def _other_forms(target: Path, source: Path, old: Serialised, change: Change, probes: Sequence[str]) -> list[str]:
    new = change.tokenizer
    notes: list[str] = []
    names = [token if token is not None else f"<unused-{place}>" for place, token in enumerate(new.tokens)]
    forms: dict[str, Callable[[], str]] = {}
    if new.kind == "WordPiece":
        forms["vocab.txt"] = lambda: "".join(f"{name}\n" for name in names)
    if new.kind == "BPE":
        forms["vocab.json"] = lambda: json.dumps(dict(new.model["vocab"]), ensure_ascii=False)
        forms["merges.txt"] = lambda: "#version: 0.2\n" + "".join(f"{' '.join(pair)}\n" for pair in new.model["merges"])
    for name, text in forms.items():
        if (source / name).is_file():
            write_text(target / name, text())
    pieces = find_file(source)
    if pieces is None:
        return notes
    content: bytes | None = None
    held: list[str] = []
    kept = change.origin[change.origin >= 0]
    if (np.diff(kept) > 0).all():  # otherwise ids are in another order than the file's
        content, held = changed_file(pieces, old, change)
    if content is None or not splits_alike(content, new, probes):
        notes.append(f"{pieces.name} cannot say what tokenizer.json says, and was left out")
        return notes
    write_bytes(target / pieces.name, content)
    if held:
        notes.append(f"{pieces.name} needs tokenizer.json beside it: read alone, it gives {name_some(held)} other ids")
    return notes

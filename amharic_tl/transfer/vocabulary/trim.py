"""Leaving out pieces that given texts do not use, with the scripts that must stay kept whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from amharic_tl.transfer.vocabulary.serialised import Change, Serialised

_BATCH = 1000


def piece_counts(old: Serialised, texts: Sequence[str]) -> Counter[int]:
    """How often each id is used for ``texts``, special tokens around them left aside."""
    backend = old.build()
    counts: Counter[int] = Counter()
    for start in range(0, len(texts), _BATCH):
        batch = list(texts[start : start + _BATCH])
        for encoding in backend.encode_batch_fast(batch, add_special_tokens=False):
            counts.update(encoding.ids)
    return counts


def trim(
    old: Serialised, texts: Sequence[str], minimum_count: int = 1, keep: Iterable[int] = (), counts_alone: bool = False
) -> Change:
    """Keeps a token that ``texts`` use at least ``minimum_count`` times, or with any Ethiopic character, or special, a
    byte, digits or marks; of byte-pair encoding also those that a kept one is merged from.

    With ``minimum_count`` 1, ``texts`` are split exactly as before: a Unigram's best path has all its pieces, the
    longest match of WordPiece is still there, and every merge that was made is still made, in the same order.

    Args:
      old: the tokenizer.
      texts: all that the model will be used for, in every language.
      minimum_count: of a token.
      keep: further ids that stay, such as those that a config names.
      counts_alone: whether Ethiopic pieces are dropped like any others: a control, which harms Amharic.
    """
    counts = piece_counts(old, texts)
    always = {old.ids[token] for token in old.fixed} | set(keep)
    kept = {
        place
        for token, place in old.ids.items()
        if place in always or counts[place] >= minimum_count or _stays(old, token, counts_alone)
    }
    if old.kind == "BPE":
        kept = _with_parts(old, kept)
    return _cut(old, kept)


def _stays(old: Serialised, token: str, counts_alone: bool) -> bool:
    script = old.script(token)
    return script == "none" or (script == "ethiopic" and not counts_alone)


def _with_parts(old: Serialised, kept: set[int]) -> set[int]:
    """Also the pieces that a kept one is merged from, and theirs. Merges stand in order: parts come before wholes."""
    ids = old.model_ids
    found = set(kept)
    for first, second in reversed(old.model["merges"]):
        # A whole is joined without the mark of its second part; see the merge rules of `tokenizers`.
        whole = ids.get(old.joined(first, second))
        if whole in found:
            found |= {ids[first], ids[second]}
    return found if found == kept else _with_parts(old, found)


def _cut(old: Serialised, kept: Collection[int]) -> Change:
    origin = np.asarray(sorted(kept), np.int64)
    place_of = {int(before): place for place, before in enumerate(origin)}
    names = {place_of[before]: token for token, before in old.ids.items() if before in place_of}
    content: dict[str, Any] = dict(old.content)
    content["added_tokens"] = [{**token, "id": place_of[token["id"]]} for token in content["added_tokens"]]
    content["post_processor"] = renumbered(content.get("post_processor"), names)
    model: dict[str, Any] = dict(old.model)
    # Added tokens are entries of the model too: `tokenizers` would number them anew behind it otherwise.
    if old.kind == "Unigram":
        scores = dict(old.model["vocab"])
        model["vocab"] = [[names[place], scores.get(names[place], 0.0)] for place in range(len(origin))]
        if model.get("unk_id") is not None:
            model["unk_id"] = place_of[model["unk_id"]]
    else:
        model["vocab"] = {names[place]: place for place in range(len(origin))}
    if old.kind == "BPE":
        model["merges"] = [
            pair for pair in old.model["merges"] if all(piece in model["vocab"] for piece in (*pair, old.joined(*pair)))
        ]
    return Change(Serialised({**content, "model": model}), origin)


def renumbered(processor: Any, names: dict[int, str]) -> Any:
    """A post-processor whose special tokens have the ids that ``names`` gives them."""
    ids = {name: place for place, name in names.items()}

    def walk(value: Any) -> Any:
        if isinstance(value, list):
            # BertProcessing and RobertaProcessing hold pairs [token, id].
            if len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int):
                return [value[0], ids[value[0]]]
            return [walk(inner) for inner in value]
        if isinstance(value, dict):
            if isinstance(value.get("ids"), list) and isinstance(value.get("tokens"), list):
                return {**value, "ids": [ids[token] for token in value["tokens"]]}
            return {key: walk(inner) for key, inner in value.items()}
        return value

    return walk(processor)

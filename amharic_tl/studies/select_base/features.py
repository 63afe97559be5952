"""What a base makes of the sampled items, layer by layer: pooled on the device, kept in a file with a fingerprint."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from amharic_tl.config import Config
from amharic_tl.data.batches import BatchPlan, pad_rows
from amharic_tl.data.long_text import KEEP, cut_into_windows
from amharic_tl.data.tokenizer import encode, special_ends
from amharic_tl.data.words import cut_words_into_windows, encode_words
from amharic_tl.models.family import Family
from amharic_tl.records.files import write_bytes
from amharic_tl.studies.select_base.task_data import TaskData

_WHOLE = 1 << 30  # tokens, more than any sentence has


@dataclass(frozen=True)
class Features:
    """Features of items.

    Attributes:
      layers: names of the layers, the embeddings first; an encoder's before its decoder's.
      pooled: by way of pooling, float32 ``[items, layers, dimensions]``.
    """

    layers: list[str]
    pooled: dict[str, np.ndarray]

    def places(self) -> Iterator[tuple[int, str, str, np.ndarray]]:
        """Each layer and way of pooling: the layer's number, its name, the way, float32 ``[items, dimensions]``."""
        for number, layer in enumerate(self.layers):
            for pooling, values in self.pooled.items():
                yield number, layer, pooling, values[:, number]


@dataclass(frozen=True)
class Inputs:
    """Token ids of windows and what is read of each.

    Attributes:
      ids: int32 arrays, special tokens included.
      spans: int ``[items of the window, 2]``: first token of each and the one after its last; -1: it has none.
      items: int ``[items of the window]``: which items these are.
    """

    ids: list[np.ndarray]
    spans: list[np.ndarray]
    items: list[np.ndarray]


def make_inputs(config: Config, task: TaskData, tokenizer: Any) -> Inputs:
    """The sampled rows as ``config.data`` has them read: cut, or in windows whose features are averaged."""
    data = config.data
    windowed = data.long_text == "windows"
    if task.problem == "tags":
        return _word_inputs(config, task, tokenizer)
    texts = [row.text for row in task.rows]
    if windowed:
        windows = cut_into_windows(tokenizer, texts, data.max_length, data.window_overlap)
        ids, source = windows.ids, windows.source
    else:
        ids = encode(tokenizer, texts, data.max_length, keep=KEEP[data.long_text]).ids
        source = np.arange(len(ids))
    spans = [np.asarray([[0, len(row)]]) for row in ids]
    return Inputs(ids, spans, [np.asarray([row]) for row in source])


def _word_inputs(config: Config, task: TaskData, tokenizer: Any) -> Inputs:
    data = config.data
    sentences = [row.tokens for row in task.rows]
    first = np.cumsum([0, *map(len, sentences)])
    after = len(special_ends(tokenizer)[1])
    uncut = encode_words(tokenizer, sentences, _WHOLE)
    pieces = np.concatenate(
        [_pieces(places, len(ids) - after) for places, ids in zip(uncut.starts, uncut.encoded.ids, strict=True)]
    )
    if data.long_text == "windows":
        cut = cut_words_into_windows(tokenizer, sentences, data.max_length, data.window_overlap)
        ids, starts = cut.ids, cut.starts
        items = [first[row] + np.arange(*part) for row, part in zip(cut.source, cut.words, strict=True)]
    else:
        whole = encode_words(tokenizer, sentences, data.max_length)
        ids, starts = whole.encoded.ids, whole.starts
        items = [first[row] + np.arange(len(places)) for row, places in enumerate(starts)]
    spans = []
    for row, places, of in zip(ids, starts, items, strict=True):
        # A word may be cut off where a window or the text ends.
        ends = np.minimum(places + pieces[of], len(row) - after)
        spans.append(np.where(places[:, None] >= 0, np.stack([places, ends], axis=1), -1))
    return Inputs(ids, spans, items)


def _pieces(starts: np.ndarray, end: int) -> np.ndarray:
    """How many pieces each word of a whole sentence has: up to where the next one that has any begins."""
    counts = np.zeros(len(starts), np.int64)
    following = end
    for word in range(len(starts) - 1, -1, -1):
        if starts[word] >= 0:
            counts[word] = following - starts[word]
            following = int(starts[word])
    return counts


def compute(
    model: Any, family: Family, config: Config, task: TaskData, tokenizer: Any, check: Callable[[], None]
) -> Features:
    """Runs the base over the sampled items, without dropout.

    Args:
      model: with the head of the task, which is not looked at.
      family: of the model.
      config: of the task.
      task: the items.
      tokenizer: of the base.
      check: called before each batch; raises where the work is to stop.
    """
    inputs = make_inputs(config, task, tokenizer)
    causal = "causal-lm" in family.architectures
    run = _runner(model, task.problem == "tags", causal)
    sums: dict[str, np.ndarray] = {}
    counts = np.zeros(len(task.labels), np.int64)
    layers: list[str] = []
    rows = config.train.microbatch or config.train.batch_size
    plan = BatchPlan(np.asarray([len(row) for row in inputs.ids]), rows, None, limit=config.data.max_length)
    width = max(map(len, inputs.spans))
    for step in range(plan.steps_per_epoch):
        check()
        planned = plan[step]
        found = [inputs.ids[row] if row >= 0 else None for row in planned.rows]
        ids, mask = pad_rows(found, planned.length, tokenizer.pad_token_id)
        spans = np.full((len(found), width, 2), -1, np.int32)
        for place, row in enumerate(planned.rows):
            if row >= 0:
                spans[place, : len(inputs.spans[row])] = inputs.spans[row]
        encoder, own = run(ids, mask, spans)
        layers = [*(f"encoder {n}" for n in range(_depth(encoder))), *(_named(n, encoder) for n in range(_depth(own)))]
        for pooling in own:
            parts = [encoder[pooling], own[pooling]] if encoder else [own[pooling]]
            values = np.concatenate([np.asarray(part) for part in parts], axis=2)
            kept = sums.setdefault(pooling, np.zeros((len(counts), *values.shape[2:]), np.float32))
            for place, row in enumerate(planned.rows):
                if row >= 0:
                    kept[inputs.items[row]] += values[place, : len(inputs.items[row])]
        for row in planned.rows[planned.rows >= 0]:
            counts[inputs.items[row]] += 1
    return Features(layers, {name: values / np.maximum(counts, 1)[:, None, None] for name, values in sums.items()})


def _depth(found: dict[str, Any]) -> int:
    return next(iter(found.values())).shape[2] if found else 0


def _named(number: int, encoder: dict[str, Any]) -> str:
    return f"decoder {number}" if encoder else f"layer {number}"


def _runner(model: Any, words: bool, causal: bool) -> Callable[..., tuple[dict[str, Any], dict[str, Any]]]:
    """A compiled function of ids, mask and spans ``[B, W, 2]`` to the pooled layers ``[B, W, L, H]`` of an encoder that
    stands beside a decoder (empty without) and of the model's own tower.

    ``mean`` is over an item's tokens, ``token`` the one that a head would read: a word's first piece; a text's first
    token, or its last in a tower where tokens see those before them only.
    """
    import jax
    import jax.numpy as jnp
    from flax import nnx

    graph, state = nnx.split(model)

    def pool(tower: Any, spans_BW2: Any, last: bool) -> dict[str, Any]:
        stacked_BSLH = jnp.stack(tower, axis=2).astype(jnp.float32)
        begin_BW = jnp.maximum(spans_BW2[..., 0], 0)
        end_BW = jnp.maximum(spans_BW2[..., 1], begin_BW)
        place_S = jnp.arange(stacked_BSLH.shape[1])
        inside_BWS = (place_S >= begin_BW[..., None]) & (place_S < end_BW[..., None])
        share_BWS = inside_BWS / jnp.maximum((end_BW - begin_BW)[..., None], 1)
        # Padding may hold anything, also what is not finite.
        clean_BSLH = jnp.where(inside_BWS.any(axis=1)[:, :, None, None], stacked_BSLH, 0.0)
        chosen_BW = jnp.maximum(end_BW - 1, 0) if last else begin_BW
        one_BWLH = jnp.take_along_axis(clean_BSLH, chosen_BW[:, :, None, None], axis=1)
        mean_BWLH = jnp.einsum("bws,bslh->bwlh", share_BWS, clean_BSLH, precision="highest")
        there = (spans_BW2[..., 0] >= 0)[:, :, None, None]
        return {"mean": mean_BWLH, "token": jnp.where(there, one_BWLH, 0.0)}

    @jax.jit
    def run(state: Any, ids: Any, mask: Any, spans: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        output = nnx.merge(graph, state, copy=True)(ids, attention_mask=mask, output_hidden_states=True)
        if output.encoder_hidden_states is None:
            return {}, pool(output.hidden_states, spans, causal and not words)
        return pool(output.encoder_hidden_states, spans, False), pool(output.hidden_states, spans, True)

    return lambda ids, mask, spans: run(state, ids, mask, spans)


def write_features(path: Path, features: Features, fingerprint: str) -> None:
    """Keeps features in an ``.npz``."""
    head = json.dumps({"fingerprint": fingerprint, "layers": features.layers, "poolings": list(features.pooled)})
    content = io.BytesIO()
    np.savez(content, head=np.asarray(head), **features.pooled)  # type: ignore[arg-type]
    write_bytes(path, content.getvalue())


def read_features(path: Path, fingerprint: str) -> Features | None:
    """Features that were kept; None where there are none, of this fingerprint, or a file that cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            head = json.loads(str(stored["head"]))
            if head["fingerprint"] != fingerprint:
                return None
            return Features(head["layers"], {name: stored[name] for name in head["poolings"]})
    except Exception:  # absent, cut off or no archive: it is computed anew
        return None

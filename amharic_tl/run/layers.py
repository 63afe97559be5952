"""Which layers moved: the hidden states of a run's base and of the model it became, compared on the same texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from flax import nnx

from amharic_tl.config import Config, build_config, flatten
from amharic_tl.data.batches import pad_rows
from amharic_tl.data.long_text import KEEP
from amharic_tl.data.tokenizer import encode, load_tokenizer
from amharic_tl.errors import BadInputError, ConfigError, MissingInputError
from amharic_tl.models import from_pretrained
from amharic_tl.records.files import read_object, write_json
from amharic_tl.records.workdir import Workdir
from amharic_tl.run.assembly import read_splits
from amharic_tl.training.progress import Progress
from amharic_tl.transfer.alignment.cka import FEWEST_ROWS, MinibatchCKA
from amharic_tl.transfer.alignment.features import mean_hidden_state

BATCH = 64
METHOD = (
    "debiased linear CKA (HSIC_1, minibatches of {batch}) of the mean hidden states of each text's tokens, base beside "
    "fine-tuned; 1: the layer tells texts apart as before. A diagnosis: it says what moved, not whether that is good"
)


def compare_layers(workdir: Path, rows: int) -> dict[str, Any]:
    """Compares every layer of a finished run's export with the same layer of its base, and writes layers.json.

    Args:
      workdir: of the run.
      rows: at most so many texts of its validation split, evenly spread over it.

    Returns:
      What layers.json holds.

    Raises:
      AmharicTLError: no finished run with an export, no base, or too few texts.
    """
    place = Workdir(workdir)
    if not place.run.exists():
        raise MissingInputError(f"{workdir} is not a workdir: expected {place.run}")
    if not place.export.exists():
        raise MissingInputError(f"{workdir} has no export to compare (config.output.export, or the run is not done)")
    config = build_config(flatten(read_object(place.config)))
    if config.model.initialise == "random":
        raise ConfigError(f"{workdir}: the model was drawn at random (config.model.initialise); it has no base")
    texts = _texts(config, read_object(place.data), rows)
    tokenizer = load_tokenizer(place.export)
    ids = encode(tokenizer, texts, config.data.max_length, keep=KEEP[_keep(config)]).ids
    found = {"method": METHOD.format(batch=BATCH), "rows": len(texts), "base": config.model.path}
    begun = from_pretrained(config.model.path, None, dtype="float32", adapter=config.model.adapter)
    models = [begun, from_pretrained(str(place.export), None, dtype="float32")]
    found["layers"] = _compare(models, ids, tokenizer.pad_token_id)
    write_json(place.layers, found)
    return found


def _keep(config: Config) -> str:
    return "head-tail" if config.data.long_text == "head-tail" else "truncate"


def _texts(config: Config, about: dict[str, Any], rows: int) -> list[str]:
    splits = read_splits(config, {split: part["source"] for split, part in about["splits"].items()})
    found = [row.text for row in splits.validation.rows]
    if len(found) < FEWEST_ROWS:
        raise BadInputError(f"the validation split has {len(found)} rows; layers need at least {FEWEST_ROWS}")
    # Evenly spread: files are often in the order of their labels.
    return [found[index] for index in np.unique(np.linspace(0, len(found) - 1, min(rows, len(found))).astype(int))]


def _compare(models: list[Any], ids: list[np.ndarray], pad: int) -> list[dict[str, Any]]:
    """A line a layer, embeddings first; an encoder-decoder's encoder before its decoder."""
    names: list[str] = []
    measures: list[MinibatchCKA] = []
    # Batches of one length, so that one shape is compiled; the last one is left out where it has too few rows.
    length = max(map(len, ids))
    starts = [start for start in range(0, len(ids), BATCH) if len(ids) - start >= FEWEST_ROWS]
    progress = Progress(len(starts))
    for number, start in enumerate(starts):
        progress.note(f"comparing layers: batch {number + 1} of {len(starts)}")
        tokens, mask = pad_rows(ids[start : start + BATCH], length, pad)
        states = [_states(model, tokens, mask) for model in models]
        if not measures:
            names = list(states[0])
            measures = [MinibatchCKA() for _ in names]
        for name, measure in zip(names, measures, strict=True):
            measure.add(states[0][name], states[1][name])
    progress.close()
    return [{"layer": name, "cka": measure.value} for name, measure in zip(names, measures, strict=True)]


@nnx.jit
def _hidden_states(model: Any, tokens: Any, mask: Any) -> dict[str, tuple[Any, ...]]:
    decoder = {"decoder_input_ids": model.decoder_inputs(tokens)} if hasattr(model, "decoder_inputs") else {}
    out = model(tokens, attention_mask=mask, output_hidden_states=True, **decoder)
    towers = {"encoder": out.encoder_hidden_states, "decoder": out.hidden_states}
    if out.encoder_hidden_states is None:
        towers = {"": out.hidden_states}
    return {tower: tuple(mean_hidden_state(of, mask) for of in states) for tower, states in towers.items()}


def _states(model: Any, tokens: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for tower, states in _hidden_states(model, tokens, mask).items():
        for number, state in enumerate(states):
            name = "embeddings" if number == 0 else f"layer {number - 1}"
            found[f"{tower} {name}".strip()] = np.asarray(state)
    return found

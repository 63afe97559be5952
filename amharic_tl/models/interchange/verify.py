"""Our outputs beside those of Hugging Face's torch class on the same checkpoint, layer by layer."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx

from amharic_tl.data.tokenizer import check_fits, encode, load_tokenizer
from amharic_tl.errors import BadInputError, MissingInputError, name_some
from amharic_tl.models import from_pretrained, save_pretrained
from amharic_tl.models.config_values import ConfigValues
from amharic_tl.models.interchange.adapter_folder import is_adapter, model_config, tokenizer_folder
from amharic_tl.models.interchange.locate import locate
from amharic_tl.models.interchange.weights import open_weights
from amharic_tl.models.registry import family_of, task_of

# Two everyday sentences of different length, so that padding is part of what is compared.
TEXTS = ("ዛሬ ጠዋት ወደ ገበያ ሄጄ ቡናና ዳቦ ገዛሁ፤ ከዚያም ወደ ቤት ተመለስኩ።", "ልጆቹ በግቢው ውስጥ ይጫወታሉ።")
_MAX_TOKENS = 128


@dataclass(frozen=True)
class Difference:
    """One output of both models: the largest absolute difference where the mask is 1, and what it may be."""

    name: str
    found: float
    allowed: float
    largest: float

    @property
    def within(self) -> bool:
        """Whether the difference is allowed; one that is not a number is not."""
        return self.found <= self.allowed


@dataclass(frozen=True)
class Verification:
    """What was compared, and how it came out."""

    what: str
    notes: tuple[str, ...]
    differences: tuple[Difference, ...]

    @property
    def within(self) -> bool:
        """Whether every output is within its tolerance."""
        return all(difference.within for difference in self.differences)

    def lines(self) -> Iterator[str]:
        """The table that is printed."""
        yield self.what
        yield from self.notes
        width = max(len(difference.name) for difference in self.differences)
        yield f"{'output':<{width}}  difference  tolerance  largest value"
        for d in self.differences:
            mark = "" if d.within else "  DIFFERS"
            yield f"{d.name:<{width}}  {d.found:10.2e}  {d.allowed:9.2e}  {d.largest:13.4g}{mark}"
        beyond = [difference.name for difference in self.differences if not difference.within]
        yield f"differs beyond the tolerance: {name_some(beyond)}" if beyond else "equal within the tolerance"


def tolerance(reference: np.ndarray) -> float:
    """The bound on the largest difference of float32 outputs."""
    return max(1e-4, 1e-5 * float(np.abs(reference).max(initial=0.0)))


def verify(model: str, text: str | None = None, task: str | None = None) -> Verification:
    """Runs a checkpoint in both packages, in float32.

    Where an output is not within the tolerance, it is compared with torch in float64 instead: in a deep or badly
    scaled model, two float32 programmes that are both right may differ by more.

    Args:
      model: a directory, a bundled base or a hub id.
      text: what to run it on; None: two Amharic sentences.
      task: whose head is compared; ``backbone`` for none; None for the one that config.json names.

    Raises:
      MissingInputError: torch is not installed.
      AmharicTLError: whatever loading the model or its tokenizer refuses.
    """
    if importlib.util.find_spec("torch") is None:
        raise MissingInputError(
            "torch is not installed, and it is what the model is compared with; install it with: pip install "
            "'amharic-tl[oracle]'"
        )
    folder = locate(model)
    config = model_config(folder)
    chosen = task_of(config, f"{folder}/config.json") if task is None else None if task == "backbone" else task
    ours = from_pretrained(str(folder), chosen, dtype="float32")
    inputs, notes = _inputs(folder, config, ours, (text,) if text else TEXTS)
    if ours.load_report.newly_initialised:
        notes.append(f"not in the checkpoint, so not compared: {name_some(ours.load_report.newly_initialised)}")
    family = family_of(config, f"{folder}/config.json")
    name = family.architectures[chosen][config["model_type"]]
    found = _of_ours(ours, inputs)
    heads = not ours.load_report.newly_initialised
    with _readable_by_torch(folder, ours, notes) as readable:
        reference, version = _of_torch(readable, name, inputs, "float32")
        differences = _compare(found, reference, inputs, heads)
        if not all(difference.within for difference in differences):
            exact, _ = _of_torch(readable, name, inputs, "float64")
            own = max(_compare(reference, exact, inputs, heads), key=lambda d: d.found / d.allowed)
            differences = _compare(found, exact, inputs, heads)
            notes.append(
                f"compared with torch in float64: its float32 is itself {own.found:.2e} away from that in {own.name}"
            )
    tokens = int(inputs["attention_mask"].sum())
    what = (
        f"{name} of {folder}: {len(inputs['input_ids'])} texts, {tokens} tokens, float32; jax {jax.__version__} on "
        f"{jax.default_backend()} beside torch {version}"
    )
    return Verification(what, tuple(notes), tuple(differences))


def _inputs(
    folder: Path, config: Mapping[str, Any], model: Any, texts: tuple[str, ...]
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Token ids, padded on the right; without a tokenizer, seeded random ones."""
    notes = []
    rows, limit = ConfigValues(config).whole("vocab_size"), min(_MAX_TOKENS, model.max_positions)
    try:
        tokenizer = load_tokenizer(tokenizer_folder(folder))
        check_fits(tokenizer, rows, folder)
        encoded = encode(tokenizer, texts, limit)
        ids, pad = encoded.ids, tokenizer.pad_token_id
        if encoded.truncated.any():
            notes.append(f"cut to {limit} tokens")
        if encoded.unknown.sum() > 0:
            notes.append(f"{encoded.unknown.sum()} tokens are unknown to the tokenizer")
    except MissingInputError:
        notes.append("the directory holds no tokenizer: run on random token ids")
        low = min(10, rows - 1)
        ids = [np.random.default_rng(0).integers(low, rows, min(length, limit)) for length in (24, 9)]
        pad = ConfigValues(config).whole("pad_token_id", 0, minimum=0)
    width = max(map(len, ids))
    input_ids = np.full((len(ids), width), pad, np.int32)
    mask = np.zeros_like(input_ids)
    for row, tokens in enumerate(ids):
        input_ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
    inputs = {"input_ids": input_ids, "attention_mask": mask}
    if config.get("is_encoder_decoder") or hasattr(model, "encode"):
        start = config.get("decoder_start_token_id")
        first = np.full((len(ids), 1), pad if start is None else start, np.int32)
        inputs["decoder_input_ids"] = np.concatenate([first, input_ids[:, :-1]], axis=1)
        inputs["decoder_attention_mask"] = np.concatenate([np.ones_like(first), mask[:, :-1]], axis=1)
    return inputs, notes


@contextmanager
def _readable_by_torch(folder: Path, model: Any, notes: list[str]) -> Iterator[Path]:
    """A directory that transformers reads: Flax weights are written as safetensors first, adapters are merged."""
    if is_adapter(folder):
        notes.append("the adapter is compared as merged here into its base, so reading it is not compared")
    elif open_weights(folder).style == "torch":
        yield folder
        return
    else:
        notes.append("transformers no longer reads Flax weights: it got what was read here, so reading is not compared")
    with tempfile.TemporaryDirectory() as written:
        yield save_pretrained(model, written)


def _of_torch(
    folder: Path, name: str, inputs: Mapping[str, np.ndarray], dtype: str
) -> tuple[dict[str, np.ndarray], str]:
    """The outputs of Hugging Face's class, and torch's version."""
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    oracle = getattr(transformers, name, None)
    if oracle is None:
        raise BadInputError(f"transformers {transformers.__version__} has no class {name} to compare with")
    model = oracle.from_pretrained(
        folder, dtype=getattr(torch, dtype), attn_implementation="eager", local_files_only=True, trust_remote_code=False
    )
    with torch.no_grad():
        output = model.eval()(
            **{key: torch.tensor(value, dtype=torch.int64) for key, value in inputs.items()}, output_hidden_states=True
        )
    found = {}
    for key, value in output.items():
        if isinstance(value, torch.Tensor):
            found[key] = value.numpy()
        elif key.endswith("hidden_states"):
            found[key] = np.stack([layer.numpy() for layer in value])
    # Of an encoder-decoder the plain names are the decoder's here.
    renamed = {"decoder_hidden_states": "hidden_states"}
    return {renamed.get(key, key): value for key, value in found.items()}, torch.__version__


def _of_ours(model: Any, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    with jax.default_matmul_precision("highest"):
        output = nnx.jit(lambda model, inputs: model(**inputs, output_hidden_states=True))(model, dict(inputs))
    found = {key: value for key, value in vars(output).items() if value is not None}
    return {key: np.stack(value) if isinstance(value, tuple) else np.asarray(value) for key, value in found.items()}


def _compare(
    found: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray], inputs: Mapping[str, np.ndarray], heads: bool
) -> list[Difference]:
    """All that both have: encoder first, then layer by layer to the logits."""
    decoder_mask = inputs.get("decoder_attention_mask", inputs["attention_mask"])
    differences = []
    for key, title, mask in (
        ("encoder_hidden_states", "encoder ", inputs["attention_mask"]),
        ("hidden_states", "decoder " if "decoder_input_ids" in inputs else "", decoder_mask),
    ):
        if key not in found or key not in reference:
            continue
        if found[key].shape != reference[key].shape:
            raise BadInputError(f"{key}: expected shape {reference[key].shape}, found {found[key].shape}")
        for layer, (ours, theirs) in enumerate(zip(found[key], reference[key], strict=True)):
            name = f"{title}layer {layer}" if layer else f"{title}embeddings"
            differences.append(_difference(name, ours, theirs, mask))
    for key in ("last_hidden_state", "pooler_output", "logits") if heads else ("last_hidden_state",):
        if key in found and key in reference:
            theirs = reference[key]
            by_token = decoder_mask if theirs.ndim == 3 else None
            differences.append(_difference(key.replace("_", " "), found[key], theirs, by_token))
    return differences


def _difference(name: str, ours: np.ndarray, theirs: np.ndarray, mask: np.ndarray | None) -> Difference:
    if ours.shape != theirs.shape:
        raise BadInputError(f"{name}: expected shape {theirs.shape}, found {ours.shape}")
    if mask is not None:
        ours, theirs = ours[mask.astype(bool)], theirs[mask.astype(bool)]
    found = float(np.abs(ours - theirs).max(initial=0.0))
    return Difference(name, found, tolerance(theirs), float(np.abs(theirs).max(initial=0.0)))

"""Makes the directory that pretraining starts from: a tokenizer trained on the corpus, a config, and initial weights.

    python experiments/pretrain_tiny/make_base.py --corpus enh-news/train.jsonl.gz --output BASE

The tokenizer is byte-pair encoding over words with byte fallback: every text can be written, none is normalised, and no
input becomes an unknown token.

The weights are drawn at random, with two exceptions that save a processor the thousands of steps in which a masked
model
learns no more than how frequent tokens are, because it cannot yet find a token's neighbours. The table of positions
begins as
sinusoids (Vaswani et al. 2017) of the size of the other embeddings; and two heads of the lower two layers begin by
attending to the
token before and the token after, which is a rotation of the sinusoids (in the spirit of Trockman & Kolter 2023).
All is learned on.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

import amharic_tl as atl

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
BYTES = [f"<0x{value:02X}>" for value in range(256)]


def paragraphs(corpus: Path) -> Iterator[str]:
    """Yields the paragraphs of a gzipped JSON-lines corpus (column ``text``), unchanged."""
    with gzip.open(corpus, "rt", encoding="utf-8") as file:
        for line in file:
            yield from (part for part in json.loads(line)["text"].split("\n") if part)


def train_tokenizer(corpus: Path, size: int) -> Tokenizer:
    """Trains byte-pair encoding with ``size`` entries: special tokens, 256 bytes, then characters and merges."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True),
            # Marks of punctuation, Ethiopic ones included, never merge with letters.
            pre_tokenizers.Punctuation(behavior="isolated"),
        ]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(content=" ", left=1)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=SPECIAL + BYTES, limit_alphabet=1000, min_frequency=2, show_progress=False
    )
    tokenizer.train_from_iterator(paragraphs(corpus), trainer)
    return _bytes_as_plain_entries(tokenizer)


def _bytes_as_plain_entries(tokenizer: Tokenizer) -> Tokenizer:
    """The trainer registers the byte entries as special tokens; written text like ``<0x41>`` must not match them."""
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] in SPECIAL]
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def model_config(vocabulary: int, positions: int) -> dict[str, Any]:
    """A RoBERTa of 4 layers of 256 (about 5.4 million parameters)."""
    return {
        "architectures": ["RobertaForMaskedLM"],
        "model_type": "roberta",
        "vocab_size": vocabulary,
        "hidden_size": 256,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "intermediate_size": 1024,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "max_position_embeddings": positions + 2,
        "type_vocab_size": 1,
        "initializer_range": 0.02,
        "layer_norm_eps": 1e-5,
        "bos_token_id": 0,
        "pad_token_id": 1,
        "eos_token_id": 2,
        "tie_word_embeddings": True,
    }


def sinusoids(rows: int, size: int, deviation: float) -> np.ndarray:
    """Sine and cosine waves over positions, float32 ``[rows, size]``, scaled to a standard deviation."""
    rates = 10000.0 ** (-np.arange(0, size, 2) / size)
    angles = np.arange(rows)[:, None] * rates[None, :]
    table = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    return (table * deviation / table.std()).astype(np.float32)


def neighbour_heads(table: np.ndarray, offset: int, head_size: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Query and key weights ``[head_size, H]`` of a head whose scores are highest ``offset`` positions away.

    Half as many of the fastest waves as the head has dimensions are read off; the query turns each by the angle that
    ``offset`` positions make, so that query and key agree best at that distance.
    """
    size = table.shape[1]
    waves = head_size // 2
    rates = 10000.0 ** (-np.arange(0, size, 2) / size)[:waves]
    sine, cosine = np.arange(waves), size // 2 + np.arange(waves)
    query, key = np.zeros((head_size, size), np.float32), np.zeros((head_size, size), np.float32)
    rows = np.arange(waves)
    key[rows, sine] = key[rows + waves, cosine] = scale
    query[rows, sine] = query[rows + waves, cosine] = scale * np.cos(rates * offset)
    query[rows, cosine], query[rows + waves, sine] = scale * np.sin(rates * offset), -scale * np.sin(rates * offset)
    return query, key


def main() -> None:
    """Writes a model directory to ``--output``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="gzipped JSON lines with a column text")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--positions", type=int, default=512)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=train_tokenizer(arguments.corpus, arguments.vocabulary),
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token=AddedToken("<mask>", lstrip=True, special=True),
        model_max_length=arguments.positions,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.save_pretrained(arguments.output)
    config = model_config(len(tokenizer), arguments.positions)
    model = atl.from_config(config, "masked-lm", seed=arguments.seed)
    table = model.embeddings.position.weight
    table[...] = jnp.asarray(sinusoids(*table.shape, deviation=config["initializer_range"]))
    head_size = config["hidden_size"] // config["num_attention_heads"]
    block = model.encoder.runs[0]
    for head, offset in enumerate((-1, 1)):
        query, key = neighbour_heads(np.asarray(table[...]), offset, head_size, scale=1.7)
        rows = slice(head * head_size, (head + 1) * head_size)
        block.query.weight[...] = block.query.weight[...].at[:2, rows].set(query)
        block.key.weight[...] = block.key.weight[...].at[:2, rows].set(key)
    atl.save_pretrained(model, arguments.output)
    print(f"{len(tokenizer)} entries, written to {arguments.output}")


if __name__ == "__main__":
    main()

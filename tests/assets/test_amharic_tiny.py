"""The bundled base: small, whole, with a tokenizer that can write anything."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import amharic_tl as atl
from amharic_tl.data.masking import windows
from amharic_tl.data.tokenizer import check_fits, load_tokenizer

ASSETS = Path(__file__).parents[2] / "amharic_tl" / "assets"
FOLDER = ASSETS / "amharic_tiny"


def test_it_is_at_most_twelve_megabytes_with_card_and_tokenizer() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 12_000_000
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "CC0" in card and "bits per character" in card and "Limits" in card


def test_it_loads_by_name_with_every_weight_its_own() -> None:
    model = atl.from_pretrained("amharic-tiny", "masked-lm")
    assert model.load_report.newly_initialised == ()
    assert {str(view.dtype) for view in atl.named_parameters(model).values()} == {"float16"}
    check_fits(load_tokenizer(FOLDER), model.hf_config["vocab_size"], FOLDER)
    assert model.max_positions == 512


def test_any_text_is_written_back_as_it_was() -> None:
    tokenizer = load_tokenizer(FOLDER)
    for text in ("ሰላም ለዓለም፣ እንዴት ነህ?", "ሐኪሙ  ሁለት ክፍተት፡፡", "mixed ጽሑፍ 😀 ½ ﷽", "<0x41> ፲፱፻፷"):
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.unk_token_id not in ids
        assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_it_knows_more_than_how_frequent_tokens_are() -> None:
    """Masked tokens of the bundled sample, which it never saw, against their own frequencies in that sample."""
    tokenizer = load_tokenizer(FOLDER)
    with (ASSETS / "sample" / "validation.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)][:150]
    model = atl.from_pretrained("amharic-tiny", "masked-lm", dtype="float32")
    rows, _ = windows(tokenizer, texts, 32)
    ids = np.full((len(rows), 32), tokenizer.pad_token_id)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
    positions = np.asarray([[len(row) // 2] for row in rows])
    labels = np.take_along_axis(ids, positions, axis=1)[:, 0]
    masked = ids.copy()
    np.put_along_axis(masked, positions, tokenizer.mask_token_id, axis=1)
    mask = jnp.asarray(ids != tokenizer.pad_token_id, jnp.int32)
    logits = model(jnp.asarray(masked), attention_mask=mask, masked_positions=jnp.asarray(positions)).logits[:, 0]
    log_probs = np.asarray(logits - jnp.log(jnp.exp(logits).sum(-1, keepdims=True)))
    counts = np.ones(logits.shape[-1])
    for row in rows:
        np.add.at(counts, row[1:-1], 1)
    unigram = np.log(counts / counts.sum())[labels].mean()
    assert log_probs[np.arange(len(labels)), labels].mean() > unigram


@pytest.mark.slow
def test_no_real_text_has_an_unknown_token(data_dir: Path) -> None:
    tokenizer = load_tokenizer(FOLDER)
    files = [
        path
        for path in sorted(data_dir.glob("*/*"))
        if path.suffix in (".csv", ".tsv", ".txt", ".gz", ".json", ".conllu")
    ]
    assert len(files) > 30
    for path in files:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")[:400_000]
        lines = list(dict.fromkeys(text.split("\n")))
        for encoding in tokenizer.backend_tokenizer.encode_batch_fast(lines, add_special_tokens=False):
            assert tokenizer.unk_token_id not in encoding.ids, path.name
    assert json.loads((FOLDER / "config.json").read_text())["model_type"] == "roberta"

"""Scores of each kind of model beside the same sums made with Hugging Face's torch models, text by text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.safety.scoring.checkpoint import open_checkpoint
from amharic_tl.safety.scoring.tokens import ScoredText, tokenize

torch = pytest.importorskip("torch", reason="torch is the oracle of these tests")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Of models this small more threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


SENTENCES = (("ጎረቤቴ ", "ደግ", " ነው።"), ("እሱ ", "ተግባቢ", " ነው።"))
TEXTS = [ScoredText("".join(parts), (len(parts[0]), len(parts[0]) + len(parts[1]))) for parts in SENTENCES]


def folder_of(checkpoints: Path, name: str) -> Path:
    folder = checkpoints / name / "safetensors"
    if not (folder / "config.json").is_file():
        pytest.skip(f"needs {folder}")
    return folder


def log_probabilities(model: Any, **inputs: list[Any]) -> np.ndarray:
    """Of one row of ids, or of several rows of one length."""
    single = not isinstance(inputs["input_ids"][0], list)
    tensors = {name: torch.tensor([values] if single else values) for name, values in inputs.items()}
    with torch.no_grad():
        found = torch.log_softmax(model(**tensors).logits.double(), dim=-1).numpy()
    return found[0] if single else found


def close(found: np.ndarray, expected: list[float]) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


def test_an_encoder(checkpoints_dir: Path) -> None:
    import transformers

    folder = folder_of(checkpoints_dir, "roberta-mlm")
    opened = open_checkpoint(str(folder))
    scorer, tokenizer = opened.scorer, opened.tokenizer
    oracle = transformers.AutoModelForMaskedLM.from_pretrained(folder).eval()
    tokens = tokenize(tokenizer, TEXTS)
    aul, pll, span = [], [], []
    for of in tokens:
        ids = [tokenizer.cls_token_id, *of.ids, tokenizer.sep_token_id]
        seen = log_probabilities(oracle, input_ids=ids)
        aul.append(float(np.mean([seen[1 + place, token] for place, token in enumerate(of.ids)])))

        inside = list(of.inside)
        hidden = [([place], place) for place in range(len(of.ids))]
        hidden += [(inside[number:], place) for number, place in enumerate(inside)]
        rows = [
            [tokenizer.mask_token_id if place - 1 in places else one for place, one in enumerate(ids)]
            for places, _ in hidden
        ]
        masked = log_probabilities(oracle, input_ids=rows)
        of_each = [float(masked[row, 1 + at, ids[1 + at]]) for row, (_, at) in enumerate(hidden)]
        pll.append(sum(of_each[: len(of.ids)]))
        span.append(sum(of_each[len(of.ids) :]))
        assert len(of.inside) > 1 and tokenizer.decode([of.ids[place] for place in of.inside]).strip() in "ደግ ተግባቢ"
    close(scorer.score(TEXTS, "aul"), aul)
    close(scorer.score(TEXTS, "pll"), pll)
    close(scorer.score(TEXTS, "span"), span)


def test_a_causal_model(checkpoints_dir: Path) -> None:
    import transformers

    folder = folder_of(checkpoints_dir, "gpt2-lm")
    opened = open_checkpoint(str(folder))
    scorer, tokenizer = opened.scorer, opened.tokenizer
    oracle = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()

    def written(text: ScoredText, places: str) -> float:
        of = tokenize(tokenizer, [text])[0]
        ids = [tokenizer.bos_token_id, *of.ids]
        found = log_probabilities(oracle, input_ids=ids)
        return float(sum(found[at, of.ids[at]] for at in (of.inside if places == "span" else range(len(of.ids)))))

    totals = [written(text, "all") for text in TEXTS]
    spans = [written(text, "span") for text in TEXTS]
    alone = [written(ScoredText(word, (0, len(word))), "span") for _, word, _ in SENTENCES]
    close(scorer.score(TEXTS, "total"), totals)
    close(scorer.score(TEXTS, "per_character"), [t / len(text.text) for t, text in zip(totals, TEXTS, strict=True)])
    close(scorer.score(TEXTS, "span"), spans)
    close(scorer.score(TEXTS, "pmi"), [one - other for one, other in zip(spans, alone, strict=True)])


def test_an_encoder_decoder_with_sentinels(checkpoints_dir: Path) -> None:
    import transformers

    folder = folder_of(checkpoints_dir, "v5-t5-tied")
    opened = open_checkpoint(str(folder))
    scorer, tokenizer = opened.scorer, opened.tokenizer
    oracle = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    first, second = tokenizer.convert_tokens_to_ids(["<extra_id_0>", "<extra_id_1>"])

    def filled(before: list[int], word: list[int], after: list[int]) -> float:
        labels = [first, *word, second]
        found = log_probabilities(
            oracle,
            input_ids=[*before, first, *after, tokenizer.eos_token_id],
            decoder_input_ids=[oracle.config.decoder_start_token_id, *labels[:-1]],
        )
        return float(sum(found[1 + place, token] for place, token in enumerate(word)))

    spans, totals = [], []
    for of in tokenize(tokenizer, TEXTS):
        ids, start, end = list(of.ids), of.inside[0], of.inside[-1] + 1
        spans.append(filled(ids[:start], ids[start:end], ids[end:]))
        totals.append(filled([], ids, []))
    readable = np.asarray([not of.unknown for of in tokenize(tokenizer, TEXTS)])
    assert 0 < readable.sum() < len(TEXTS)
    for form, expected in (("total", totals), ("span", spans)):
        found = scorer.score(TEXTS, form)
        assert np.isnan(found[~readable]).all()
        close(found[readable], list(np.asarray(expected)[readable]))


def test_a_split_model_gives_the_scores_of_a_whole_one(checkpoints_dir: Path) -> None:
    folder = str(folder_of(checkpoints_dir, "roberta-mlm"))
    alone, split = (open_checkpoint(folder, mesh=mesh).scorer for mesh in (None, make_mesh(2, 2, 2)))
    close(split.score(TEXTS, "aul"), list(alone.score(TEXTS, "aul")))


def test_a_classifier(checkpoints_dir: Path) -> None:
    import transformers

    folder = folder_of(checkpoints_dir, "xlmr-seqcls")
    opened = open_checkpoint(str(folder), positive=("LABEL_1", "LABEL_2"))
    scorer, tokenizer = opened.scorer, opened.tokenizer
    oracle = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    expected = []
    for one in TEXTS:
        with torch.no_grad():
            logits = oracle(**tokenizer(one.text, return_tensors="pt")).logits[0].double()
        harm = torch.softmax(logits, dim=-1)[1:3].sum()
        expected.append(float(torch.log(harm / (1 - harm))))
    close(scorer.score(TEXTS, "harm"), expected)

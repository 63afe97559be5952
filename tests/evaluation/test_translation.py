"""What is translated, how it begins, and what sacreBLEU makes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import amharic_tl as atl
from amharic_tl.errors import ConfigError
from amharic_tl.evaluation.translation import Translations, can_score, refuse_selection, score_normaliser
from amharic_tl.language.normalisation import normalise
from amharic_tl.models.encoder_decoder import SpecialIds
from amharic_tl.models.text_generation import first_tokens

T5 = {
    "model_type": "t5",
    "vocab_size": 24,
    "d_model": 16,
    "d_kv": 8,
    "d_ff": 24,
    "num_layers": 1,
    "num_heads": 2,
    "decoder_start_token_id": 0,
    "pad_token_id": 0,
    "eos_token_id": 1,
}


class Tokenizer:
    """Writes each id as a word; 0 is padding, 1 the end, 2 a language."""

    pad_token_id = 0

    def __call__(
        self, text: str = "", *, text_target: str = "", add_special_tokens: bool = True
    ) -> dict[str, list[int]]:
        return {"input_ids": [2, 5, 1] if add_special_tokens else [5]}

    def batch_decode(self, rows: Any, skip_special_tokens: bool) -> list[str]:
        assert skip_special_tokens
        return [" ".join(str(token) for token in row if token > 2) for row in rows.tolist()]


def test_a_part_of_the_rows_is_translated_as_the_model_does() -> None:
    sacrebleu = pytest.importorskip("sacrebleu", reason="scores are sacreBLEU's: pip install 'amharic-tl[translate]'")
    assert can_score()
    model = atl.from_config({**T5, "initializer_factor": 5.0}, "seq2seq-lm", seed=1)
    generator = np.random.default_rng(0)
    sources = [generator.integers(3, 24, length).astype(np.int32) for length in (3, 9, 5, 4, 7, 6, 2)]
    made = Translations(sources, ["?"] * 7, Tokenizer(), None, rows=4, batch_rows=3, new_tokens=5)
    written = made.translate(model)
    for row, text in zip((0, 2, 4, 6), written, strict=True):
        alone = atl.generate(model, sources[row][None], max_new_tokens=5)
        assert text == " ".join(str(token) for token in alone[0, 1:].tolist() if token > 2)
    assert len(set(written)) == 4
    again = Translations(sources, written, Tokenizer(), None, rows=10, batch_rows=4, new_tokens=5)
    assert len(again.translate(model)) == 7
    assert made.metrics(model) == {"bleu": 0.0, "chrf": 0.0}
    near = [f"{text} 99" for text in written]
    made = Translations(sources[::2], near, Tokenizer(), None, rows=4, batch_rows=4, new_tokens=5)
    wanted = {"bleu": sacrebleu.corpus_bleu(written, [near]), "chrf": sacrebleu.corpus_chrf(written, [near])}
    assert made.metrics(model) == {name: score.score for name, score in wanted.items()}
    assert 0 < made.metrics(model)["chrf"] < 100
    right = Translations(sources, again.translate(model), Tokenizer(), None, rows=7, batch_rows=7, new_tokens=5)
    assert right.metrics(model) == pytest.approx({"bleu": 100.0, "chrf": 100.0})
    assert "all 7 rows" in right.describe() and "bleu nrefs:1|case:mixed|eff:no|tok:13a" in right.describe()
    few = Translations(sources, written, Tokenizer(), None, rows=4, batch_rows=4, new_tokens=5)
    assert "4 rows, evenly spread over 7" in few.describe()


def test_the_target_language_comes_first() -> None:
    model = atl.from_config(T5, "seq2seq-lm", seed=0)
    assert first_tokens(model, Tokenizer(), 2) == {"decoder_start_token_id": 0, "forced_bos_token_id": 2}
    assert first_tokens(model, Tokenizer(), None) == {"decoder_start_token_id": 0}
    # A model that wraps: the last of the labels stands in the place of a start token.
    model.ids = SpecialIds(0, 1, None)
    assert first_tokens(model, Tokenizer(), 2) == {"decoder_start_token_id": 1, "forced_bos_token_id": 2}


def test_selecting_by_what_is_not_measured_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="generate_rows above 0"):
        refuse_selection("validation/bleu", 0)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="needs sacrebleu"):
        refuse_selection("validation/chrf", 10)
    refuse_selection("validation/loss", 0)


def test_scores_of_normalised_texts_stand_beside_the_raw_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    sacrebleu = pytest.importorskip("sacrebleu", reason="scores are sacreBLEU's: pip install 'amharic-tl[translate]'")
    wanted = ["ዓለም ሁሉ ሰላም ይሁን።", "ሥራ ሠርቶ ወደ ቤት ሄደ።"]
    written = ["አለም ሁሉ ሠላም ይሁን፡፡", "ስራ ሰርቶ ወደ ገበያ ሄደ።"]
    monkeypatch.setattr(Translations, "translate", lambda self, model: written)

    def scores(references: list[str], forms: tuple[str, ...] | None) -> tuple[dict[str, float], str]:
        sources = [np.asarray([3], np.int32)] * 2
        normaliser = score_normaliser(forms, "am")
        made = Translations(
            sources, references, Tokenizer(), None, rows=2, batch_rows=2, new_tokens=5, normaliser=normaliser
        )
        return made.metrics(None), made.describe()

    forms = ("homophones", "punctuation")
    found, said = scores(wanted, forms)
    alike = [[normalise(text, forms).text for text in texts] for texts in (written, wanted)]
    assert found == {
        "bleu": sacrebleu.corpus_bleu(written, [wanted]).score,
        "chrf": sacrebleu.corpus_chrf(written, [wanted]).score,
        "bleu_normalised": sacrebleu.corpus_bleu(alike[0], [alike[1]]).score,
        "chrf_normalised": sacrebleu.corpus_chrf(alike[0], [alike[1]]).score,
    }
    assert found["chrf_normalised"] > found["chrf"] + 10 and found["chrf_normalised"] < 100
    assert "after punctuation, homophones of written Amharic are made one" in said
    assert "unreviewed" in said
    assert scores(wanted, None)[0].keys() == {"bleu", "chrf"}
    assert scores(["peace", "work"], forms)[0].keys() == {"bleu", "chrf"}, "these references are not in the script"


def test_forms_that_a_language_lacks_are_refused_before_anything_is_trained() -> None:
    with pytest.raises(ConfigError, match="config.task.normalised_scores: there is no form vowels of written Tigrinya"):
        score_normaliser(["vowels"], "ti")

"""How long probes take: 5,000 texts through a 12 x 768 encoder with a 32k vocabulary, in the forms that encoders have.

    python benchmarks/probes.py [--texts 5000] [--form span]   # benchmarks/probes.txt keeps what 800 printed

The model is drawn at random; the texts are association families of the shape that packs hold (a sentence of about
twelve words that names one of 20 groups and one of 8 words), made of invented words, each of two tokens.
"""

from __future__ import annotations

import argparse
import random
import time
from typing import Any

from environment import describe

VOCABULARY = 32_000
CONFIG = {
    "model_type": "roberta", "vocab_size": VOCABULARY, "hidden_size": 768, "num_hidden_layers": 12,
    "num_attention_heads": 12, "intermediate_size": 3072, "max_position_embeddings": 514, "type_vocab_size": 1,
    "pad_token_id": 1,
}  # fmt: skip
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
GROUPS, WORDS, LENGTH = 20, 8, 10


def tokenizer() -> Any:
    """A tokenizer of whole pieces: every word below is two of them."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    pieces = {name: number for number, name in enumerate(SPECIAL)}
    pieces |= {f"p{number}": number + len(SPECIAL) for number in range(VOCABULARY - len(SPECIAL))}
    inner = Tokenizer(models.WordLevel(pieces, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split("-", "removed")]
    )
    inner.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, cls_token="<s>", sep_token="</s>", pad_token="<pad>", unk_token="<unk>",
        mask_token="<mask>",
    )  # fmt: skip


def texts(count: int) -> list[Any]:
    """Sentences with a group's name and, marked, a word."""
    from amharic_tl.safety.scoring.tokens import ScoredText

    generator = random.Random(0)

    def word() -> str:
        return f"p{generator.randrange(20_000)}-p{generator.randrange(20_000)}"

    groups = [word() for _ in range(GROUPS)]
    found: list[Any] = []
    while len(found) < count:
        before, after = (" ".join(word() for _ in range(generator.randint(3, LENGTH // 2))) for _ in range(2))
        words = [word() for _ in range(WORDS)]
        for group in groups:
            for one in words:
                start = f"{before} {group} "
                found.append(ScoredText(f"{start}{one} {after}", (len(start), len(start) + len(one))))
    return found[:count]


def main() -> None:
    """Prints seconds and texts a second for each form."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=5000)
    parser.add_argument("--form", action="append", choices=("span", "aul", "pll"))
    arguments = parser.parse_args()
    import amharic_tl as atl
    from amharic_tl.safety.scoring.encoder_scorer import EncoderScorer

    scorer = EncoderScorer(atl.from_config(CONFIG, "masked-lm"), tokenizer())
    print(describe())
    chosen = texts(arguments.texts)
    print(f"{len(chosen)} texts, {GROUPS} groups x {WORDS} words a sentence, float32; compilation is in the seconds")
    print(f"{'form':6} {'seconds':>8} {'texts/s':>8}")
    for form in arguments.form or ("aul", "span"):
        began = time.perf_counter()
        scorer.score(chosen, form)
        seconds = time.perf_counter() - began
        print(f"{form:6} {seconds:8.1f} {len(chosen) / seconds:8.1f}", flush=True)


if __name__ == "__main__":
    main()

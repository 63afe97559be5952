"""A language model whose bias is written into its table, and families enough to measure it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from amharic_tl.culture.families import Contrast, Family, Word
from amharic_tl.culture.pack import open_pack
from amharic_tl.language.authored import Authorship
from amharic_tl.models.output import ModelOutput
from amharic_tl.safety.scoring.encoder_scorer import EncoderScorer
from amharic_tl.safety.scoring.selection import Panel

SIGNED = Authorship("person", "invented", ("reviewer",), "reviewed")
SPECIAL = ["<pad>", "<unk>", "<mask>"]


def families(count: int) -> tuple[Family, ...]:
    """Association families of invented words; each has its own."""

    def words(family: int, pole: str) -> tuple[Word, ...]:
        return tuple(Word(f"{pole}{family}x{pair}", f"{pole}{family}x{pair}") for pair in range(2))

    return tuple(
        Family(
            id=f"ethnicity.planted.{number:02}",
            axis="ethnicity",
            kind="association",
            topic="planted",
            harm="stereotype",
            split="monitor",
            authorship=SIGNED,
            texts=tuple(f"w{wording} {{person}} v{wording} {{word}} f{number}" for wording in range(5)),
            dimension="warmth",
            poles=Contrast(words(number, "high"), words(number, "low")),
            control=Contrast(words(number, "plain"), words(number, "other")),
        )
        for number in range(count)
    )


def panel(count: int = 10, invented: bool = True) -> Panel:
    pack = open_pack("demo")
    return Panel("ethnicity", families(count), pack.axis("ethnicity").groups, {}, invented, not invented)


def tokenizer_of(texts: list[str]) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = sorted({word for text in texts for word in text.split()})
    inner = Tokenizer(models.WordLevel({word: n for n, word in enumerate([*SPECIAL, *words])}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<pad>", unk_token="<unk>", mask_token="<mask>")


class Planted(nnx.Module):
    """Logits of every word are the sum of what each word of the text adds: ``table [V, V]``."""

    max_positions = 64

    def __init__(self, table: np.ndarray) -> None:
        self.table = nnx.Param(jnp.asarray(table, jnp.float32))
        self.width = len(table)

    @property
    def hf_config(self) -> Mapping[str, int]:
        return {"vocab_size": self.width}

    def __call__(
        self, input_ids: jax.Array, *, attention_mask: jax.Array, masked_positions: jax.Array | None = None
    ) -> ModelOutput:
        summed_BV = (self.table[...][input_ids] * attention_mask[..., None]).sum(axis=1)
        places = input_ids.shape[1] if masked_positions is None else masked_positions.shape[1]
        return ModelOutput(logits=jnp.broadcast_to(summed_BV[:, None], (len(input_ids), places, self.width)))


def planted_scorer(of: Panel, size: float, group: str, noise: float = 0.0) -> PlantedScorer:
    """A scorer in whose model ``group`` makes every warm word ``size`` nats likelier, beside noise of its own."""
    tokenizer = tokenizer_of([one.text for family in of.families for one in of.filled(family)])
    vocabulary = tokenizer.get_vocab()
    generator = np.random.default_rng(0)
    table = generator.normal(0, 1, (1, len(vocabulary))) + generator.normal(0, noise, (len(vocabulary),) * 2)
    name = next(one.in_full for one in of.groups if one.id == group)
    for word, place in vocabulary.items():
        if word.startswith("high"):
            table[[vocabulary[part] for part in name.split()], place] += size / len(name.split())
    return PlantedScorer(table, tokenizer)


class PlantedScorer(EncoderScorer):
    """An encoder scorer that still knows its model's table."""

    def __init__(self, table: np.ndarray, tokenizer: Any) -> None:
        super().__init__(Planted(table), tokenizer)
        self.table = table

"""A tiny model and data set, made on the spot: invented words in Ethiopic letters that say nothing of anybody."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from amharic_tl.run.assembly import Run

SIGNS = {"ሀ": ["ባለ", "ቦሎ", "ቢሊ"], "ለ": ["ታመ", "ቶሞ", "ቲሚ"], "መ": ["ካነ", "ኮኖ", "ኪኒ"]}
FILLERS = ["ዳረ", "ዶሮ", "ዲሪ", "ጋሰ", "ጎሶ", "ጊሲ", "ፋቀ", "ፎቆ", "ፊቂ", "ዛወ", "ዞዎ", "ዚዊ"]


@pytest.fixture(scope="session")
def tiny_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train.csv (300 rows), validation.csv, test.csv (60 each): columns text and label, learnable.

    All of one length bucket: every other would be compiled for itself.
    """
    return _write(tmp_path_factory.mktemp("data"), fillers=(3, 5))


@pytest.fixture(scope="session")
def mixed_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with rows of two length buckets, some of which are cut at 16 tokens."""
    return _write(tmp_path_factory.mktemp("mixed"), fillers=(3, 14))


def _write(folder: Path, fillers: tuple[int, int]) -> Path:
    generator = random.Random(0)
    for name, count in (("train", 300), ("validation", 60), ("test", 60)):
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_ALL)
            writer.writerow(["text", "label"])
            for _ in range(count):
                label = generator.choice(sorted(SIGNS))
                words = generator.choices(FILLERS, k=generator.randint(*fillers)) + [generator.choice(SIGNS[label])]
                generator.shuffle(words)
                writer.writerow([" ".join(words), label])
    return folder


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a RoBERTa of 4 layers of 32, random weights, and a tokenizer of some dozens of entries."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("base")
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    words = [*FILLERS, *(word for group in SIGNS.values() for word in group)]
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator([" ".join(words)] * 4, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
    ).save_pretrained(folder)
    save_encoder(folder, vocab_size=tokenizer.get_vocab_size(), pad_token_id=1)
    return folder


@pytest.fixture(scope="session")
def small_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same encoder behind the tokenizer of `amharic-tiny`, which has no unknown word."""
    return _save_known(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def one_layer_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `small_base` with one layer of 16: for whole runs whose model may know nothing, and that compile for long."""
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    return _save_known(tmp_path_factory.mktemp("layer"), **sizes)


@pytest.fixture
def assembled_once(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Run]:
    """`train` puts the parts of a run together once, so that the same command again compiles nothing; gives the run.

    All that a command finds is what the workdir holds: what the monitor has seen is forgotten in between.
    """
    from amharic_tl.run import training
    from amharic_tl.run.assembly import assemble

    kept: list[Run] = []

    def assembled(*given: Any) -> Run:
        if not kept:
            kept.append(assemble(*given))
        if kept[0].monitor is not None:
            kept[0].monitor.restore([])
        return kept[0]

    monkeypatch.setattr(training, "assemble", assembled)
    return lambda: kept[0]


def _save_known(folder: Path, **changes: object) -> Path:
    from amharic_tl.data.tokenizer import load_tokenizer
    from amharic_tl.models.interchange.locate import locate

    tokenizer = load_tokenizer(locate("amharic-tiny"))
    tokenizer.save_pretrained(folder)
    save_encoder(folder, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, **changes)
    return folder


def save_encoder(folder: Path, **changes: object) -> None:
    """A RoBERTa of 4 layers of 32 with random weights, but for ``changes`` of its config."""
    import amharic_tl as atl

    config = {
        "model_type": "roberta",
        "hidden_size": 32,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 66,
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-5,
        "initializer_range": 0.1,
        **changes,
    }
    atl.save_pretrained(atl.from_config(config, "masked-lm", seed=3), folder)


def overrides(base: Path, files: Path) -> dict[str, object]:
    """A classification run of 40 steps in a few seconds; all leaves a test may want to change."""
    return {
        "model.path": str(base),
        "data.train": str(files / "train.csv"),
        "data.validation": str(files / "validation.csv"),
        "data.test": str(files / "test.csv"),
        "data.max_length": 16,
        "train.steps": 40,
        "train.batch_size": 16,
        "train.evaluate_every": 20,
        "train.save_every": 5,
        "train.log_every": 1,
        "optim.lr": 3e-3,
        "output.tensorboard": False,
    }


@pytest.fixture
def tiny_overrides(tiny_base: Path, tiny_files: Path) -> dict[str, object]:
    """:func:`overrides` of the tiny model and data."""
    return overrides(tiny_base, tiny_files)

"""A made-up world: rows that name invented groups, and models whose bias is known because we wrote it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np

from amharic_tl.config import SafetyConfig, build_config
from amharic_tl.data.rows import Row
from amharic_tl.data.tokenizer import load_tokenizer
from amharic_tl.models.interchange.locate import locate
from amharic_tl.safety.monitoring.classifier import Monitor
from amharic_tl.safety.monitoring.looks import Look
from amharic_tl.safety.operator import SwapOperator
from amharic_tl.safety.twins import Reference

LABELS = ("fine", "harm")
GROUPS = ("ዳሉሚ", "ፈልጎራ", "ጊሼኖ", "ቃሉሪ")
WORDS = ("ውሃ", "ቤት", "ዛፍ", "መንገድ", "ገበያ", "ሰማይ", "ዝናብ", "ወንዝ", "ተራራ", "እርሻ", "ድንጋይ", "ጠዋት", "ምሽት")
TOKENIZER = load_tokenizer(locate("amharic-tiny"))
HARM_WORD = "ክፉ"

# A model: from a text to the probability of harm.
Model = Callable[[str], float]


def rows(count: int, seed: int) -> list[Row]:
    """Half of them harmful, which a word tells; each names one of four groups, whatever its label."""
    generator = random.Random(seed)
    made = []
    for number in range(count):
        harm = number % 2 == 0
        words = generator.choices(WORDS, k=6) + [generator.choice(GROUPS)] + ([HARM_WORD] if harm else [])
        generator.shuffle(words)
        made.append(Row(f"r{number}", " ".join(words), LABELS[harm], "made.csv", number + 2))
    return made


def honest(text: str) -> float:
    """Looks at the word alone."""
    return 0.9 if HARM_WORD in text else 0.1


def noisy(text: str) -> float:
    """As honest, but a tenth of all texts, picked by their letters, are judged the wrong way round."""
    wrong = random.Random(text).random() < 0.1
    return 1.0 - honest(text) if wrong else honest(text)


def prejudiced(text: str) -> float:
    """Finds harm wherever the first group is named."""
    return 0.8 if GROUPS[0] in text else honest(text)


def never(text: str) -> float:
    """Finds nothing."""
    del text
    return 0.0


def always(text: str) -> float:
    """Finds harm everywhere."""
    del text
    return 1.0


def settings(**changes: object) -> SafetyConfig:
    base = {"safety.axes": "ethnicity", "safety.pack": "demo", "safety.positive_labels": "harm"}
    return build_config({**base, **{f"safety.{name}": value for name, value in changes.items()}}).safety


def operator() -> SwapOperator:
    return SwapOperator("demo", ("ethnicity",), None)


def monitor(made: Sequence[Row], reference: Reference | None = None, looks: int = 4, **changes: object) -> Monitor:
    return Monitor(
        operator(),
        {"validation": made},
        TOKENIZER,
        LABELS,
        settings(**changes),
        reference,
        looks=looks,
        max_length=64,
        batch_rows=32,
        share={"process_index": 0, "process_count": 1},
    )


def probabilities(model: Model, texts: Sequence[str]) -> np.ndarray:
    harm = np.asarray([model(text) for text in texts])
    return np.stack([1.0 - harm, harm], axis=-1)


def look(watch: Monitor, made: Sequence[Row], model: Model, step: int = 1) -> Look:
    """What the monitor says of ``model``; its probes come back from token ids to text."""

    def predict(source: object) -> np.ndarray:
        del source
        texts = [TOKENIZER.decode(ids, skip_special_tokens=True) for ids in watch.probes["validation"].ids]
        return probabilities(model, texts)

    labels = np.asarray([LABELS.index(row.label or "") for row in made])
    return watch.look("validation", step, labels, probabilities(model, [row.text for row in made]), predict)


def reference_of(watch: Monitor, made: Sequence[Row], model: Model) -> Reference:
    """The predictions of ``model`` as a reference run would have stored them."""
    own = {row.id: LABELS[int(model(row.text) > 0.5)] for row in made}
    probes = watch.probes["validation"]
    benign = {
        probe.id: LABELS[int(model(TOKENIZER.decode(probes.ids[probe.place], skip_special_tokens=True)) > 0.5)]
        for probe in probes.benign
    }
    return Reference({"validation": own, "benign": benign})

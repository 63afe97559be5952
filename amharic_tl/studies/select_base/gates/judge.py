"""All gates of one base, in the order in which they are told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amharic_tl.config import Config
from amharic_tl.data.tokenizer import check_fits, load_tokenizer
from amharic_tl.errors import AmharicTLError, ConfigError
from amharic_tl.models.config_values import ConfigValues
from amharic_tl.models.interchange.locate import locate, read_config
from amharic_tl.studies.select_base.gates.architecture import task_fit
from amharic_tl.studies.select_base.gates.gate import Gate, rejections, waive
from amharic_tl.studies.select_base.gates.licence import licence_gate
from amharic_tl.studies.select_base.gates.memory import GIB, estimate, memory_gate, memory_here
from amharic_tl.studies.select_base.gates.tokenizer_gates import (
    Tokenized,
    ethiopic_coverage,
    length_budget,
    tokenize,
    tokens_per_word,
    unknown_tokens,
)
from amharic_tl.studies.select_base.request import Base, Request
from amharic_tl.studies.select_base.task_data import TaskData


@dataclass(frozen=True)
class Judged:
    """The gates of a base, and figures beside them. ``parameters``: of the model for the task; None: not known."""

    gates: list[Gate]
    parameters: int | None
    memory: dict[str, int] | None

    @property
    def rejected(self) -> bool:
        """Whether a gate failed."""
        return bool(rejections(self.gates))


def judge(base: Base, config: Config, task: TaskData, request: Request) -> Judged:
    """Judges a base by its small files: no weight is read, and of a base on the hub none is fetched.

    Raises:
      MissingInputError: there is no such base.
      BadInputError: its config.json is not JSON.
    """
    folder = locate(base.path, weights=False)
    hf_config = read_config(folder)
    here = Path(base.path).expanduser().is_dir() and not base.random
    fit, outline = task_fit(folder, hf_config, config.task.kind, task.names, here)
    gates = [fit]
    readable, tokenizer, found = _tokenizer_gate(folder, hf_config, config, task)
    gates.append(readable)
    if found is not None:
        gates += [unknown_tokens(found), tokens_per_word(found), ethiopic_coverage(tokenizer, task.texts)]
    memory, parameters = None, None
    if outline is not None:
        parameters = _count(outline)
        if found is not None:
            data = config.data
            gates.append(length_budget(found, data.max_length, int(outline.max_positions), data.long_text))
            length = int(min(data.max_length, int(outline.max_positions), found.lengths.max()))
            available = request.memory or memory_here()
            try:
                needed = estimate(outline, config, length)
            except ConfigError as error:  # a plan that does not fit this base, or that needs more than shapes
                gates.append(Gate("memory", "unknown", f"{available / GIB:.1f} GiB", "unknown", str(error)))
            else:
                memory = needed.to_dict()
                gates.append(memory_gate(needed, available))
    gates.append(licence_gate(folder))
    return Judged(waive(gates, request.waived), parameters, memory)


def _tokenizer_gate(folder: Path, hf_config: Any, config: Config, task: TaskData) -> tuple[Gate, Any, Tokenized | None]:
    """Whether there is a tokenizer that the model and the task can use, and the task's texts as it writes them."""
    asked = "reads, fits the word table"
    try:
        tokenizer = load_tokenizer(folder)
        kind = type(tokenizer).__name__
        check_fits(tokenizer, ConfigValues(hf_config).whole("vocab_size"), folder)
        found = tokenize(tokenizer, task.texts, task.tokens)
    except AmharicTLError as error:
        return Gate("tokenizer", "none that can be used", asked, "failed", str(error)), None, None
    entries = f"{len(tokenizer):,} entries"
    if config.task.kind == "token-classification" and not getattr(tokenizer, "is_fast", False):
        sentence = f"tags need a tokenizer that says which characters a piece comes from; this {kind} does not"
        return Gate("tokenizer", entries, asked, "failed", sentence), tokenizer, found
    return Gate("tokenizer", entries, asked, "passed", f"{kind} with {entries}"), tokenizer, found


def _count(outline: Any) -> int:
    from amharic_tl.models.naming import named_parameters

    return sum(view.size for view in named_parameters(outline).values())

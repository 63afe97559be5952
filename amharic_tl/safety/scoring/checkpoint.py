"""A checkpoint of any family as a scorer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jax.sharding import Mesh

from amharic_tl.data.languages import set_languages
from amharic_tl.data.tokenizer import check_fits, load_tokenizer
from amharic_tl.errors import BadInputError, name_some
from amharic_tl.models import from_pretrained
from amharic_tl.models.config_values import ConfigValues
from amharic_tl.models.interchange.locate import locate, read_config
from amharic_tl.models.registry import family_of, task_of
from amharic_tl.safety.scoring.classifier_scorer import ClassifierScorer
from amharic_tl.safety.scoring.encoder_scorer import EncoderScorer
from amharic_tl.safety.scoring.writing_scorers import CausalScorer, Seq2SeqScorer

AnyScorer = EncoderScorer | CausalScorer | Seq2SeqScorer | ClassifierScorer
TASKS = ("masked-lm", "causal-lm", "seq2seq-lm", "sequence-classification")
_LANGUAGE = ("--language", "--language")


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint: its scorer, what that scores with, and the token of the language where there are several."""

    folder: Path
    task: str
    scorer: AnyScorer
    tokenizer: Any
    model: Any
    language: int | None = None


def model_folder(name: str) -> Path:
    """The directory of a model; of a run's workdir its export."""
    folder = locate(name)
    export = folder / "export"
    return export if not (folder / "config.json").is_file() or (export / "config.json").is_file() else folder


def open_checkpoint(
    name: str,
    *,
    positive: Sequence[str] = (),
    language: str | None = None,
    dtype: str | None = None,
    mesh: Mesh | None = None,
) -> Checkpoint:
    """Loads a checkpoint for what it was saved for.

    Args:
      name: a directory, a run's workdir, a bundled base or a hub id.
      positive: labels of a classifier that say that harm was found.
      language: of the texts, as the tokenizer names it, where it marks languages.
      dtype: of weights and products; None: as stored.
      mesh: over which model and batches are split.

    Raises:
      BadInputError: the checkpoint is for another task, or lacks its head, so that it has learned nothing to score.
      AmharicTLError: whatever else loading refuses.
    """
    folder = model_folder(name)
    config = read_config(folder)
    where = f"{folder}/config.json"
    task = task_of(config, where)
    if task is None:
        # A backbone serves where its head is tied, as those of decoders often are; the check below says whether it is.
        task = next((one for one in TASKS[:3] if one in family_of(config, where).architectures), None)
    if task not in TASKS:
        raise BadInputError(
            f"{where}: a {config['model_type']} model for {task or 'no task'} gives texts no score; probes need one "
            f"for {', '.join(TASKS)}"
        )
    tokenizer = load_tokenizer(folder)
    check_fits(tokenizer, ConfigValues(config).whole("vocab_size"), folder)
    token = None
    if task == "seq2seq-lm" or language is not None:
        token = set_languages(tokenizer, language, language, _LANGUAGE)
    model = from_pretrained(str(folder), task, dtype=dtype, mesh=mesh, dropout=0.0)
    if model.load_report.newly_initialised:
        raise BadInputError(
            f"{folder} lacks {name_some(model.load_report.newly_initialised)}, which {task} needs: what it scored "
            "would be chance"
        )
    return Checkpoint(folder, task, scorer_for(task, model, tokenizer, positive, mesh), tokenizer, model, token)


def scorer_for(
    task: str, model: Any, tokenizer: Any, positive: Sequence[str] = (), mesh: Mesh | None = None
) -> AnyScorer:
    """The scorer of a model for ``task``, one of :data:`TASKS`; further arguments as of :func:`open_checkpoint`."""
    if task == "sequence-classification":
        return ClassifierScorer(model, tokenizer, positive, mesh)
    if task == "masked-lm":
        return EncoderScorer(model, tokenizer, mesh)
    return (CausalScorer if task == "causal-lm" else Seq2SeqScorer)(model, tokenizer, mesh)

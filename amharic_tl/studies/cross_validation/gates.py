"""``config.data.gates`` asked of every fold before the first one trains."""

from __future__ import annotations

from amharic_tl.audit.gates import stop_at_gates
from amharic_tl.audit.reading import material_of_splits
from amharic_tl.config import Config
from amharic_tl.data.folds import Folds, divide
from amharic_tl.data.rows import Source
from amharic_tl.data.splits import columns_of
from amharic_tl.errors import BadInputError
from amharic_tl.models.interchange.adapter_folder import tokenizer_of
from amharic_tl.studies.cross_validation.dividing import problem_of


def stop_at_folds(config: Config, pool: Source, folds: Folds) -> None:
    """Stops at the first fold whose division trips a gate, so that none stops in the middle of the study.

    Raises:
      ConfigError: a gate that does not exist.
      BadInputError: a gate is tripped; the sentence names the fold.
    """
    if not config.data.gates:
        return
    problem = problem_of(config)
    columns = columns_of(config.data, True, problem)
    for fold in folds.folds:
        material = material_of_splits(config, divide(pool, fold, columns, problem))
        try:
            stop_at_gates(material, tokenizer_of)
        except BadInputError as error:
            raise BadInputError(f"{fold.name}: {error}") from None

"""What a run leaves to others: the model as a directory, and its adapter beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amharic_tl.models import save_pretrained
from amharic_tl.models.interchange.adapter_write import obstacle
from amharic_tl.records.workdir import Workdir
from amharic_tl.run.assembly import Run
from amharic_tl.safety.scoring.judge_card import write_card


def export(run: Run, model: Any, workdir: Workdir, say: Callable[[str], None]) -> None:
    """Writes ``export/``, adapters merged, so that whatever loads a model loads it; and adapters to ``adapter/``.

    Of a classifier that watched groups on test its own error by group lies beside the weights (``judge.json``), so that
    it may judge what other models write.

    Args:
      run: that was trained.
      model: its best one.
      workdir: of the run.
      say: told where an adapter cannot be written by itself.
    """
    model.hf_config = run.hf_config
    save_pretrained(model, workdir.export, tokenizer_from=run.tokenizer_folder)
    write_card(workdir)
    if model.adaptation is None:
        return
    reason = obstacle(model)
    if reason is None:
        save_pretrained(model, workdir.adapter, "peft", tokenizer_from=run.tokenizer_folder)
    else:
        say(f"note: the adapter is merged into the export and not written by itself: {reason}")

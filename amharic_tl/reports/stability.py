"""What the report advises on how training went: the trend of its loss, spikes, returns to a checkpoint."""

from __future__ import annotations

from amharic_tl.records.trends import LINES, trends
from amharic_tl.reports.contents import Contents
from amharic_tl.reports.judged import Judged

NO_TREND = f"no plateau, divergence or oscillation in the last {LINES} lines of the training loss"
ADVICE = {
    "plateau": "Stop earlier (config.train.patience) if the scores are good; otherwise raise config.optim.lr or train "
    "more layers.",
    "divergence": "Lower config.optim.lr or lengthen config.optim.warmup; config.train.stability.spikes=skip leaves "
    "out updates that leap.",
    "oscillation": "Lower config.optim.lr or raise config.train.batch_size; a period as long as an epoch speaks of the "
    "order of the data.",
}


def trend_of_training(run: Contents) -> Judged | str:
    """Whether the training loss stands still, rises or swings at the end of what is there."""
    found = trends(run.metrics)
    if found is None:
        return f"fewer than {LINES} lines of the training loss (config.train.log_every)"
    if not found:
        return Judged(False, f"none in the last {LINES} lines", "")
    figure = "; ".join(f"{trend.name}: {trend.figure}" for trend in found)
    return Judged(True, figure, " ".join(ADVICE[trend.name] for trend in found))


def spikes_of_training(run: Contents) -> Judged | str:
    """How many updates were spikes, and how often the run went back to a checkpoint."""
    if run.config.get("train", {}).get("stability", {}).get("spikes", "off") == "off":
        return "spikes are not looked for (config.train.stability.spikes)"
    # A run that was killed goes the same way again, and writes it down again.
    seen = {tuple(event.get("rows", ())) for event in run.events if event.get("event") == "spike"}
    back = {
        (event.get("at"), event.get("first_batch"))
        for event in run.events
        if event.get("event") == "rolled_back" and not event.get("safety")  # safety's are in its own part
    }
    return Judged(
        bool(seen or back),
        f"batches that were spikes: {len(seen)}; returns to a checkpoint: {len(back)}",
        "Look at the rows named in events.jsonl: rows that are hard but right look like a spike too (raise "
        "config.train.stability.deviations); otherwise lower config.optim.lr.",
    )

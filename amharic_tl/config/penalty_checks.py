"""Leaves of penalties that do not fit the rest, as sentences."""

from __future__ import annotations

from amharic_tl.config.schema import Config


def penalty_checks(config: Config) -> list[str]:
    """Sentences, none where all fits."""
    settings = config.safety.penalties
    if config.safety.axes is None:
        return [
            f"config.safety.penalties.{name}.weight needs config.safety.axes, such as ethnicity"
            for name in settings.on()
        ]
    parts = config.train.batch_size // (config.train.microbatch or config.train.batch_size)
    counted = {"logit_pairing.pairs": settings.logit_pairing.pairs}
    return [
        f"config.safety.penalties.{name}: {count} cannot be divided over the {parts} microbatches of an update"
        for name, count in counted.items()
        if name.partition(".")[0] in settings.on() and count % parts
    ]

"""What a run says on the terminal: how its data was read, what loading the model did, what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from amharic_tl.config import OptimConfig
from amharic_tl.data.audit import long_text_sentence
from amharic_tl.errors import name_some
from amharic_tl.transfer.plan import Stage

MOST_NAMES = 6
NO_CLEAN_ROWS = "every row of test has a (near-)duplicate in train or validation"


def about_data(audit: Mapping[str, Any]) -> list[str]:
    """What the sources say of themselves (licence, warnings: once), how quotes were read, and the audit's warnings."""
    splits = audit["splits"].items()
    about = dict.fromkeys(note for _, split in splits for note in split.get("notes", []))
    quoting = [(name, split["quoting"]) for name, split in splits if split["quoting"] is not None]
    return [
        *about,
        *(
            said
            for said in _about_long_texts(audit)
            if not any(warning.startswith(said) for warning in audit["warnings"])
        ),
        *map(_about_source, audit.get("mixture", [])),
        *(f"{name}: quoting {chosen['choice']}: {chosen['reason']}" for name, chosen in quoting),
        *(f"note: {warning}" for warning in audit["warnings"]),
    ]


def _about_source(mixed: Mapping[str, Any]) -> str:
    return (
        f"mixture: {mixed['source']}: {mixed['share']:.1%} of what is trained on ({mixed['natural_share']:.1%} of all "
        f"there is), {mixed['passes_an_epoch']:.2f} passes an epoch"
    )


def _about_long_texts(audit: Mapping[str, Any]) -> list[str]:
    said = (long_text_sentence(name, split, audit.get("max_length", 0)) for name, split in audit["splits"].items())
    return [sentence for sentence in said if sentence is not None]


def about_loading(newly_initialised: tuple[str, ...], dropped: tuple[str, ...], pretrained: bool) -> list[str]:
    """Which parameters were drawn, and which tensors of the checkpoint are not used."""
    if not pretrained:
        return ["all parameters are drawn at random (model.initialise=random)"]
    said = []
    if newly_initialised:
        said.append(f"drawn anew, not taken from the checkpoint: {name_some(newly_initialised, MOST_NAMES)}")
    if dropped:
        said.append(f"in the checkpoint and not used: {name_some(dropped, MOST_NAMES)}")
    return said


def about_optimizer(optim: OptimConfig, kept: int, trainable: int) -> list[str]:
    """What the optimiser keeps, in ``kept`` bytes for ``trainable`` parameters, and whether averages are evaluated."""
    said = [
        f"{optim.name} keeps {kept / 1e6:,.1f} MB, {kept / max(trainable, 1):.1f} bytes for each parameter that trains"
    ]
    if optim.ema is not None:
        said.append(
            f"a running average of the weights (optim.ema={optim.ema:g}) is evaluated, selected by and exported; "
            "training goes on from the weights themselves"
        )
    return said


def about_attention(choice: Mapping[str, Any]) -> str:
    """Which implementation of attention was taken; of the others, those that the platform has, and why not."""
    rest = "; ".join(f"not {name}: {reason}" for name, reason in choice["not_taken"].items())
    return f"attention: {choice['path']} on {choice['platform']}" + (f" ({rest})" if rest else "")


def about_stages(reached: int, stages: Sequence[Stage]) -> list[str]:
    """What never thawed, since the run ended in the stage ``reached``."""
    left = [", ".join(stage.rules) for stage in stages[reached + 1 :]]
    return [f"note: the run ended before these thawed: {name_some(left, MOST_NAMES)}"] if left else []


def about_result(final: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line a split; figures of single classes are left to the report."""
    said = []
    for split, metrics in final.items():
        if split == "safety":
            continue
        shown = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items() if _is_figure(name, value))
        said.append(f"{split:<10}  " + (shown or f"not measured: {metrics['not_measured']}"))
    return said


def _is_figure(name: str, value: Any) -> bool:
    return "/" not in name and isinstance(value, int | float)

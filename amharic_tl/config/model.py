"""Which pretrained model, and how it computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from amharic_tl.config.leaf import leaf


@dataclass(frozen=True)
class ModelConfig:
    """Which pretrained model, and how it computes."""

    path: str = leaf(
        "amharic-tiny",
        "A local directory, a bundled base (amharic-tiny), or a hub id owner/name[@revision]; or an adapter's.",
    )
    adapter: str | None = leaf(
        None,
        "A LoRA adapter that is put on model.path: a local directory or a hub id. Methods other than lora merge it.",
    )
    initialise: Literal["pretrained", "random"] = leaf(
        "pretrained", "random: only the config and tokenizer of model.path are used; weights are drawn from train.seed."
    )
    compute_dtype: Literal["float32", "bfloat16"] = leaf(
        "float32", "Dtype of matrix products; parameters stay float32."
    )
    dropout: float | None = leaf(
        None, "Overrides every dropout rate of the model's config; none keeps them.", minimum=0.0, maximum=0.9
    )
    attention: Literal["auto", "xla", "cudnn", "tpu-flash"] = leaf(
        "auto", "What computes attention; auto: the fastest that can serve the model here. The run says which, and why."
    )

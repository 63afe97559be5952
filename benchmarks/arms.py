"""Training steps that benchmarks time: ours, of random weights of a real shape on real texts, and HF's beside it."""

from __future__ import annotations

import gzip
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

LABELS = ["0", "1", "2"]
MASKED = 0.15
RATE = 1e-5


def shared() -> Path:
    """The folder of shared data: $AMHARIC_TL_SHARED, or ``shared`` beside the repository."""
    named = os.environ.get("AMHARIC_TL_SHARED")
    return Path(named) if named else Path(__file__).resolve().parents[2] / "shared"


def headlines(split: str = "test", field: str = "title") -> list[str]:
    """Headlines of the Ethiopian News Headlines corpus, or with ``text`` these and what follows them."""
    with gzip.open(shared() / "data" / "enh-news" / f"{split}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line)[field] for line in file]


def wiki(characters: int) -> list[str]:
    """The first paragraphs of the Amharic Wikipedia of 2015, ``characters`` of them in all."""
    text = (shared() / "data" / "amwiki-2015" / "amharic_wiki_clean.txt").open(encoding="utf-8").read(characters)
    return [line for line in text.splitlines() if line.strip()]


@dataclass(frozen=True)
class Case:
    """Work that both do.

    Attributes:
      name: of the line.
      config: of the model, as a config.json has it.
      kind: the task, ours and HF's.
      rows: of a batch.
      length: texts are cut to it; a batch is padded to its longest text, the same for both.
      top: how many blocks train; None: all, and the embeddings.
      dtype: of products.
      texts: ``headlines`` or ``wiki``.
      compiled: whether torch compiles its step.
    """

    name: str
    config: dict[str, Any]
    kind: str = "sequence-classification"
    rows: int = 8
    length: int = 64
    top: int | None = None
    dtype: str = "float32"
    texts: str = "headlines"
    compiled: bool = False
    aim: float | None = None


@dataclass
class Batch:
    """A batch for ours and for HF's, of the same tokens, and how much of it is no padding."""

    ours: dict[str, np.ndarray]
    theirs: dict[str, np.ndarray]
    tokens: int = field(default=0)


def batch_of(case: Case, seed: int = 0) -> Batch:
    """Real texts, padded to the longest of them, the words masked or labelled at random."""
    from amharic_tl.data.batches import pad_rows
    from amharic_tl.data.tokenizer import encode, load_tokenizer
    from amharic_tl.models.interchange.locate import locate

    tokenizer = load_tokenizer(locate("amharic-tiny"))
    texts = (
        headlines()
        if case.texts == "headlines"
        else [" ".join(wiki(200_000))[i : i + 2000] for i in range(0, 99_000, 999)]
    )
    generator = np.random.default_rng(seed)
    chosen = [texts[index] for index in generator.permutation(len(texts))[: case.rows]]
    found = encode(tokenizer, chosen, case.length).ids
    longest = max(len(ids) for ids in found)
    tokens, mask = pad_rows(found, longest, int(case.config["pad_token_id"]))
    both = {"input_ids": tokens, "attention_mask": mask}
    count = int(mask.sum())
    if case.kind == "sequence-classification":
        labels = generator.integers(0, len(LABELS), case.rows, dtype=np.int32)
        return Batch(
            {**both, "labels": labels, "weights": np.ones(case.rows, np.float32)}, {**both, "labels": labels}, count
        )
    if case.kind == "causal-lm":
        weights = mask[:, 1:].astype(np.float32)
        pad = np.zeros((case.rows, 1))
        ours = {
            **both, "segment_ids": mask, "positions": np.cumsum(mask, 1, dtype=np.int32) - mask,
            "labels": np.concatenate([tokens[:, 1:], pad], 1).astype(np.int32),
            "weights": np.concatenate([weights, pad], 1).astype(np.float32),
        }  # fmt: skip
        return Batch(ours, {**both, "labels": np.where(mask > 0, tokens, -100)}, count)
    return _masked(case, both, generator, count)


def _masked(case: Case, both: dict[str, np.ndarray], generator: np.random.Generator, count: int) -> Batch:
    tokens, mask = both["input_ids"], both["attention_mask"]
    places = max(1, round(MASKED * tokens.shape[1]))
    positions = np.zeros((case.rows, places), np.int32)
    weights = np.zeros((case.rows, places), np.float32)
    theirs = np.full(tokens.shape, -100, np.int64)
    for row in range(case.rows):
        length = int(mask[row].sum())
        chosen = np.sort(generator.permutation(np.arange(1, length - 1))[: max(1, round(MASKED * length))])[:places]
        positions[row, : len(chosen)], weights[row, : len(chosen)] = chosen, 1
        theirs[row, chosen] = tokens[row, chosen]
    labels = np.take_along_axis(tokens, positions, 1)
    hidden = np.where(theirs >= 0, 4, tokens).astype(np.int32)
    both = {"input_ids": hidden, "attention_mask": mask}
    return Batch(
        {**both, "masked_positions": positions, "labels": labels, "weights": weights}, {**both, "labels": theirs}, count
    )


class Ours:
    """This package's step: AdamW, clipped at a norm of 1, dropout as the config says."""

    def __init__(self, case: Case, batch: Batch) -> None:
        import jax

        import amharic_tl as atl
        from amharic_tl.config import build_config
        from amharic_tl.distributed.mesh import make_mesh, put_batch
        from amharic_tl.studies.plan.batch_shapes import task_of
        from amharic_tl.training.step import make_steps
        from amharic_tl.transfer.optimizers import make_optimizer
        from amharic_tl.transfer.plan import make_plan
        from amharic_tl.transfer.schedules import make_schedule

        began = time.perf_counter()
        method: dict[str, Any] = {"transfer.method": "full"}
        if case.top is not None:
            method = {"transfer.method": "top-layers", "transfer.trainable_layers": case.top}
        select = {} if case.kind == "sequence-classification" else {"train.select_by": "validation/loss"}
        config = build_config(
            {**method, **select, "optim.lr": RATE, "optim.schedule": "constant", "task.kind": case.kind}
        )
        labels = LABELS if case.kind == "sequence-classification" else None
        model = atl.from_config(case.config, case.kind, labels=labels, compute_dtype=case.dtype)
        plan = make_plan(model, config.transfer, config.optim.weight_decay)
        plan.regroup(model)
        mesh = make_mesh(1, 1, 1, jax.devices()[:1])
        self.steps = make_steps(
            model, task_of(config, LABELS, int(case.config["vocab_size"])), plan,
            lambda trainable: make_optimizer(config.optim, plan, trainable), make_schedule(config.optim, 10_000), mesh,
            batch_size=case.rows, microbatch=None, seed=0,
        )  # fmt: skip
        del model
        self.state, self.batch = self.steps.state, put_batch(batch.ours, mesh)
        self.parameters = plan.totals["parameters"]
        self.trains = plan.totals["trainable"]
        object.__setattr__(self.steps, "state", None)  # its buffers are given to the first step
        self.loss = float("nan")
        self.seconds(1)
        self.first = time.perf_counter() - began

    def seconds(self, steps: int) -> float:
        """Seconds a step."""
        import jax

        began = time.perf_counter()
        for _ in range(steps):
            self.state, metrics = self.steps.train(self.state, self.batch)
        jax.block_until_ready(self.state)
        self.loss = float(metrics["loss"])
        return (time.perf_counter() - began) / steps


class Theirs:
    """HF transformers in torch: its own attention (sdpa), fused AdamW and clipping at 1, as its Trainer's defaults."""

    def __init__(self, case: Case, batch: Batch) -> None:
        import torch
        from transformers import (
            AutoConfig,
            AutoModelForCausalLM,
            AutoModelForMaskedLM,
            AutoModelForSequenceClassification,
        )

        began = time.perf_counter()
        torch.manual_seed(0)
        kinds = {
            "sequence-classification": AutoModelForSequenceClassification,
            "masked-lm": AutoModelForMaskedLM,
            "causal-lm": AutoModelForCausalLM,
        }
        config = AutoConfig.for_model(**case.config, **({"num_labels": len(LABELS)} if "seq" in case.kind else {}))
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = kinds[case.kind].from_config(config).to(self.device).train()
        if case.top is not None:
            kept = [
                f".layer.{index}." for index in range(config.num_hidden_layers - case.top, config.num_hidden_layers)
            ]
            for name, parameter in self.model.named_parameters():
                parameter.requires_grad_("classifier" in name or any(part in name for part in kept))
        self.learned = [one for one in self.model.parameters() if one.requires_grad]
        self.parameters = sum(one.numel() for one in self.model.parameters())
        self.trains = sum(one.numel() for one in self.learned)
        self.optimizer = torch.optim.AdamW(self.learned, lr=RATE, weight_decay=0.01, fused=True)
        self.batch = {name: torch.as_tensor(value).long().to(self.device) for name, value in batch.theirs.items()}
        self.narrow = case.dtype == "bfloat16"
        self.call = torch.compile(self.model) if case.compiled else self.model
        self.seconds(1)
        self.first = time.perf_counter() - began

    def seconds(self, steps: int) -> float:
        """Seconds a step."""
        import torch

        began = time.perf_counter()
        for _ in range(steps):
            with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.narrow):
                loss = self.call(**self.batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.learned, 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
        self.loss = float(loss.detach())  # waits for the device
        if self.device == "cuda":
            torch.cuda.synchronize()
        return (time.perf_counter() - began) / steps

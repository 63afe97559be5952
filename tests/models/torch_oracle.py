"""Tiny models of the torch classes, every parameter noise, and the comparison of ours with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from reference_checkpoints import assert_close

import amharic_tl as atl

torch = pytest.importorskip("torch", reason="torch is the oracle of these tests")

SMALL = {
    "vocab_size": 60,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": 30,
}
# What the torch classes of a model type are called, before their endings.
CLASSES = {
    "bert": "Bert",
    "roberta": "Roberta",
    "xlm-roberta": "XLMRoberta",
    "xlm-roberta-xl": "XLMRobertaXL",
    "electra": "Electra",
    "distilbert": "DistilBert",
    "modernbert": "ModernBert",
    "deberta-v2": "DebertaV2",
}
ENDINGS = {
    None: "Model",
    "masked-lm": "ForMaskedLM",
    "sequence-classification": "ForSequenceClassification",
    "token-classification": "ForTokenClassification",
    "replaced-token-detection": "ForPreTraining",
}
# A family's own names of the keys in SMALL.
NAMES = {"distilbert": {"intermediate_size": "hidden_dim"}}


def torch_class(kind: str, ending: str) -> Any:
    import transformers

    return getattr(transformers, CLASSES[kind] + ending)


def oracle_of(kind: str, task: str | None, **changes: Any) -> Any:
    """A torch model whose every parameter is noise, so that none is 0 or 1 and no two are alike."""
    names = NAMES.get(kind, {})
    small = {names.get(key, key): value for key, value in SMALL.items()}
    config = torch_class(kind, "Config")(**{**small, **changes}, attn_implementation="eager")
    torch.manual_seed(0)
    model = torch_class(kind, ENDINGS[task])(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn_like(parameter) * 0.2
            parameter.copy_(noise + (1.0 if "norm" in name.lower() and name.endswith("weight") else 0.0))
    return model.eval()


def compare(oracle: Any, folder: Path, task: str | None) -> Any:
    """Our outputs of the saved model against the oracle's; returns our model."""
    pad = oracle.config.pad_token_id
    ids = np.random.default_rng(1).integers(5, SMALL["vocab_size"], (3, 12))
    mask = np.ones_like(ids)
    mask[1, 7:] = mask[2, 10:] = 0
    ids = np.where(mask > 0, ids, pad)
    inputs = {"input_ids": ids, "attention_mask": mask}
    if getattr(oracle.config, "type_vocab_size", 0) > 1:
        inputs["token_type_ids"] = np.tile(np.arange(12) // 6, (3, 1))
    with torch.no_grad():
        theirs = oracle(**{name: torch.tensor(value) for name, value in inputs.items()}, output_hidden_states=True)
    model = atl.from_pretrained(str(folder), task)
    ours = model(**{name: jnp.asarray(value) for name, value in inputs.items()}, output_hidden_states=True)
    assert_close(np.stack(ours.hidden_states), torch.stack(theirs.hidden_states).numpy(), mask, "hidden_states")
    if task is None:
        assert_close(ours.last_hidden_state, theirs.last_hidden_state.numpy(), mask, "last_hidden_state")
        if getattr(oracle, "pooler", None) is not None:
            assert_close(ours.pooler_output, theirs.pooler_output.numpy(), None, "pooler_output")
    else:
        logits = theirs.logits.numpy()
        assert_close(ours.logits, logits, mask if logits.ndim == 3 else None, "logits")
    return model


def given_back(model: Any, oracle: Any, folder: Path, task: str | None) -> None:
    """Our export, in the torch class: every tensor as it was, none missing or left over."""
    atl.save_pretrained(model, folder)
    again, said = type(oracle).from_pretrained(folder, output_loading_info=True)
    assert not any(said[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    before, after = oracle.state_dict(), again.state_dict()
    assert before.keys() == after.keys()
    # An untied model of transformers 5 has a second bias that nothing uses; it is written with the used one's values.
    unused = set() if oracle.config.tie_word_embeddings else {"cls.predictions.bias", "lm_head.bias"}
    for name in before.keys() - unused:
        assert torch.equal(before[name], after[name]), name

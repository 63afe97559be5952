"""Which implementation of attention is chosen, and what is said of the others."""

from __future__ import annotations

import dataclasses

import pytest

from amharic_tl.errors import ConfigError
from amharic_tl.models.attention.paths import Machine, Request, choose

PLAIN = Request("bfloat16", batch=8, queries=256, keys=256, heads=8, key_heads=4, head_size=64)
HOPPER, AMPERE, TURING = (Machine("cuda", capability) for capability in ((9, 0), (8, 0), (7, 5)))
BLACKWELL, TPU, CPU, ROCM = Machine("cuda", (10, 0)), Machine("tpu"), Machine("cpu"), Machine("rocm")
SPLIT = (("data", 2), ("tensor", 2))


def asking(*features: str, **changes: object) -> Request:
    return dataclasses.replace(PLAIN, features=frozenset(features), **changes)


@pytest.mark.parametrize(
    ("request_", "machine", "path", "because"),
    [
        (asking(), CPU, "xla", {"cudnn": "NVIDIA", "tpu-flash": "TPU"}),
        (asking(), ROCM, "xla", {"cudnn": "NVIDIA", "tpu-flash": "TPU"}),
        (asking(), HOPPER, "cudnn", {"tpu-flash": "TPU"}),
        (asking(), TPU, "tpu-flash", {"cudnn": "NVIDIA"}),
        (asking(), TURING, "xla", {"cudnn": "7.5"}),
        (asking("hidden keys", "causal", "window"), HOPPER, "cudnn", {}),
        (asking("hidden keys", "causal", "window", "soft-cap"), TPU, "tpu-flash", {}),
        (asking("window"), AMPERE, "cudnn", {}),
        (asking("soft-cap"), HOPPER, "xla", {"cudnn": "cap"}),
        (asking("score bias"), HOPPER, "xla", {"cudnn": "bias"}),
        (asking("score bias"), TPU, "xla", {"tpu-flash": "bias"}),
        (asking("dropout"), HOPPER, "xla", {"cudnn": "model.dropout=0"}),
        (asking("dropout"), TPU, "xla", {"tpu-flash": "model.dropout=0"}),
        (asking("cache", queries=1), HOPPER, "xla", {"cudnn": "cache"}),
        (asking("cache", queries=1), TPU, "xla", {"tpu-flash": "cache"}),
        (asking(dtype="float32"), HOPPER, "xla", {"cudnn": "float32"}),
        (asking(dtype="float32"), TPU, "tpu-flash", {}),
        (asking(dtype="float16"), TPU, "xla", {"tpu-flash": "float16"}),
        (asking(head_size=256), HOPPER, "cudnn", {}),
        (asking(head_size=256), AMPERE, "xla", {"cudnn": "256"}),
        (asking(head_size=256), BLACKWELL, "xla", {"cudnn": "256"}),
        (asking(head_size=20), HOPPER, "xla", {"cudnn": "20"}),
        (asking(queries=100, keys=100), TPU, "xla", {"tpu-flash": "100"}),
        (asking(queries=200, keys=100), TPU, "tpu-flash", {}),
        (asking("hidden keys", queries=101, keys=101), HOPPER, "xla", {"cudnn": "101"}),
        (asking("causal", queries=101, keys=101), HOPPER, "cudnn", {}),
        (asking("hidden keys", queries=192, keys=192), HOPPER, "xla", {"cudnn": "192"}),
        (asking("window", queries=192, keys=192), HOPPER, "xla", {"cudnn": "192"}),
        (asking("causal", "window", queries=192, keys=192), HOPPER, "cudnn", {}),
        (asking(), Machine("tpu", axes=SPLIT), "tpu-flash", {}),
        (asking(), Machine("cuda", (9, 0), SPLIT), "cudnn", {}),
        (asking(batch=3), Machine("tpu", axes=SPLIT), "xla", {"tpu-flash": "3 rows"}),
        (asking(key_heads=1), Machine("tpu", axes=SPLIT), "xla", {"tpu-flash": "1 of keys"}),
        (asking(), Machine("tpu", axes=SPLIT, is_auto=False), "xla", {"tpu-flash": "Auto"}),
        (asking(), Machine("tpu", axes=(("model", 4),)), "xla", {"tpu-flash": "model"}),
    ],
)
def test_the_choice(request_: Request, machine: Machine, path: str, because: dict[str, str]) -> None:
    chosen, not_taken = choose(request_, machine)
    assert chosen == path
    assert chosen not in not_taken
    for name, words in because.items():
        assert words in not_taken[name]


def test_what_was_asked_for_is_taken_or_refused_with_the_reason() -> None:
    assert choose(PLAIN, HOPPER, "xla") == ("xla", choose(PLAIN, CPU)[1] | choose(PLAIN, HOPPER, "xla")[1])
    assert choose(PLAIN, HOPPER, "cudnn")[0] == "cudnn"
    assert choose(asking(queries=100, keys=100), TPU, "tpu-flash")[0] == "tpu-flash"  # only auto finds it too short
    with pytest.raises(ConfigError, match="cudnn .*NVIDIA GPU, this is cpu"):
        choose(PLAIN, CPU, "cudnn")
    with pytest.raises(ConfigError, match="tpu-flash .*bias"):
        choose(asking("score bias"), TPU, "tpu-flash")
    with pytest.raises(ConfigError, match=r"expected one of auto, .*'flash'"):
        choose(PLAIN, CPU, "flash")


def test_decoding_runs_on_xla_whatever_was_asked_for() -> None:
    chosen, not_taken = choose(asking("cache", queries=1), HOPPER, "cudnn")
    assert chosen == "xla" and "cache" in not_taken["cudnn"]

"""Rules and moments as users type them, and leaves of transfer that do not fit together."""

from __future__ import annotations

import json
import re
import typing

import pytest

from amharic_tl.config import TransferConfig, build_config, differences, to_dict
from amharic_tl.config.moments import Moment, parse_moment
from amharic_tl.config.rule_texts import parse_rule, rule_texts
from amharic_tl.config.transfer_checks import READ_BY
from amharic_tl.errors import ConfigError
from amharic_tl.transfer.methods import METHODS


@pytest.mark.parametrize(
    ("text", "step"),
    [("200steps", 200), ("1 step", 1), ("1epoch", 50), ("1.5epochs", 75), ("25%", 100), ("0", 0), ("0epochs", 0)],
)
def test_moments_fall_on_steps(text: str, step: int) -> None:
    assert parse_moment(text).step(total=400, steps_per_epoch=50) == step


@pytest.mark.parametrize("text", ["", "3", "epoch", "-1epochs", "2 hours", "101%", "1e3steps"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="200steps, 1epoch or 25%"):
        parse_moment(text)


def test_rules_read_alike_however_they_are_given() -> None:
    typed = ".*embeddings.*  frozen ; .*layer\\.(0|1)\\..* rate=0.5 decay=0 from=2epochs;.*"
    as_mappings = [
        {"pattern": ".*embeddings.*", "trains": False},
        {"pattern": r".*layer\.(0|1)\..*", "rate": 0.5, "decay": 0, "from": "2epochs"},
        {"pattern": ".*"},
    ]
    expected = (".*embeddings.* frozen", r".*layer\.(0|1)\..* rate=0.5 decay=0 from=2epochs", ".*")
    for given in (typed, typed.split(";"), as_mappings):
        assert rule_texts(given) == expected
    rule = parse_rule(expected[1])
    assert (rule.rate, rule.decay, rule.begins, rule.trains) == (0.5, 0.0, Moment(2.0, "epochs"), True)


def test_rules_survive_the_stored_config() -> None:
    config = build_config({"transfer.method": "rules", "transfer.rules": ".*bias rate=2; .* frozen"})
    stored = json.loads(json.dumps(to_dict(config)))
    assert stored["transfer"]["rules"] == [".*bias rate=2", ".* frozen"]
    assert build_config({"transfer.method": "rules", "transfer.rules": stored["transfer"]["rules"]}) == config
    assert not differences(stored, config)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (".*( rate=1", "not a regular expression"),
        (".* rte=1", "did you mean rate=?"),
        (".* rate=fast", "rate: expected a number above 0 and at most 1000, found 'fast'"),
        (".* rate=0", "use frozen"),
        (".* rate=nan", "expected a number"),
        (".* decay=2", "from 0 to 1"),
        (".* from=soon", "200steps, 1epoch or 25%"),
        (".* rate=1 rate=2", "twice"),
        (".* frozen rate=1", "what is frozen has no rate"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_place(rule: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(expected)) as caught:
        build_config({"transfer.method": "rules", "transfer.rules": f"a frozen; {rule}"})
    assert "config.transfer.rules: rule 2: " in str(caught.value) and caught.value.exit_code == 78


@pytest.mark.parametrize("value", ["", [], [1], [{"trains": True}], [{"pattern": "a", "from": "1epoch", "x": 1}]])
def test_what_are_no_rules_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="transfer.rules"):
        build_config({"transfer.method": "rules", "transfer.rules": value})


def test_the_literals_are_the_registry() -> None:
    assert typing.get_args(typing.get_type_hints(TransferConfig)["method"]) == tuple(METHODS)
    assert {method for methods in READ_BY.values() for method in methods} <= set(METHODS)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"transfer.groups": 4}, "use config.transfer.method=gradual or plateau"),
        ({"transfer.method": "gradual", "transfer.thaw_patience": 3}, "use config.transfer.method=plateau"),
        ({"transfer.method": "rules"}, "write them as config.transfer.rules="),
        ({"transfer.method": "surgical", "transfer.blocks": "lowest"}, "expected 3, 0-2, embeddings or auto"),
        ({"transfer.method": "surgical", "transfer.blocks": "3", "transfer.auto_blocks": 2}, "blocks is not auto"),
        ({"transfer.method": "gradual", "transfer.stage_length": "1"}, "a number alone has no unit"),
        ({"transfer.method": "gradual", "transfer.stage_length": "0"}, "lasts longer than 0"),
        ({"transfer.method": "gradual", "transfer.thaw_warmup": 1.5}, "neither a share"),
        ({"transfer.method": "lp-ft", "task.kind": "masked-lm", "train.select_by": "validation/loss"}, "has none"),
        ({"transfer.method": "surgicl"}, "did you mean 'surgical'?"),
    ],
)
def test_leaves_that_do_not_fit_are_refused(overrides: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(expected)):
        build_config(overrides)

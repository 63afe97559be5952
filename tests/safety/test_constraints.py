"""The controller of a penalty's weight on made-up plants, and what it is given to look at."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import asdict

import pytest

from amharic_tl.config import build_config
from amharic_tl.config.constraints import BoundsConfig, ConstraintsConfig
from amharic_tl.config.schema import flatten
from amharic_tl.errors import ConfigError
from amharic_tl.records.signals import SafetySignal
from amharic_tl.safety.constraints import SIGNALS, ControllerState, controlled, excess, upper_bounds
from amharic_tl.safety.penalties import PENALTIES

BOUND, DEFAULTS = 0.05, ConstraintsConfig()
# A figure at the next evaluation, from that of this one and the weight in between.
Plant = Callable[[float, float], float]


def lagging(keep: float, effect: float = 0.03) -> Plant:
    """A figure of 0.2 that a weight takes down, of which an evaluation keeps ``keep``: a model unlearns slowly."""
    return lambda figure, weight: keep * figure + (1 - keep) * max(0.0, 0.2 - effect * weight)


def stubborn(figure: float, weight: float) -> float:
    """A figure that no weight moves."""
    del figure, weight
    return 0.15


def stuck(figure: float, weight: float) -> float:
    """Hysteresis: bias leaves at a weight of 6 only, and comes back below 3 only."""
    return 0.0 if weight > 6 or (figure < BOUND and weight > 3) else 0.2


def simulated(
    plant: Plant, looks: int, settings: ConstraintsConfig = DEFAULTS, state: ControllerState | None = None
) -> tuple[list[ControllerState], list[float]]:
    """States and figures, look by look."""
    now, figure = state or ControllerState.beginning(0.0), 0.2
    states, figures = [], []
    for _ in range(looks):
        now = controlled(now, figure - BOUND, settings)
        figure = plant(figure, now.weight)
        states.append(now)
        figures.append(figure)
    return states, figures


@pytest.mark.parametrize("plant", [lagging(0.0, 0.1), lagging(0.6), lagging(0.9)], ids=["at once", "lagging", "slow"])
def test_the_figure_comes_to_its_bound_and_stays_without_swinging(plant: Plant) -> None:
    states, figures = simulated(plant, 80)
    assert figures[-1] == pytest.approx(BOUND, abs=0.002)
    assert max(abs(one - BOUND) for one in figures[60:]) < 0.005
    turns = [b.weight - a.weight for a, b in zip(states, states[1:], strict=False) if abs(b.weight - a.weight) > 0.05]
    assert sum(x * y < 0 for x, y in zip(turns, turns[1:], strict=False)) <= 2
    assert states[-1].weight < DEFAULTS.maximum and not any(one.saturated for one in states)


def test_a_weight_that_is_not_enough_is_clipped_said_and_leaves_nothing_to_undo() -> None:
    states, _ = simulated(stubborn, 200)
    assert states[-1].weight == DEFAULTS.maximum and states[-1].saturated
    assert states[-1].integral <= DEFAULTS.maximum  # no wind-up: a sum of 200 excesses would be 100
    after, _ = simulated(lambda figure, weight: 0.0, 12, state=states[-1])
    assert after[-1].weight < 0.9 * DEFAULTS.maximum and not after[2].saturated


def test_a_figure_with_hysteresis_is_met_and_the_weight_is_let_down_to_where_it_returns() -> None:
    """The figure jumps at each edge; between the jumps the bound holds, and the weight never runs away."""
    states, figures = simulated(stuck, 200)
    weights = [one.weight for one in states]
    kept = sum(one < BOUND for one in figures[60:]) / len(figures[60:])
    assert kept > 0.4 and max(weights) < DEFAULTS.maximum and min(weights[20:]) > 0
    assert not any(one.saturated for one in states)


def test_the_law_is_that_of_the_paper_by_hand() -> None:
    settings = ConstraintsConfig(proportional=2.0, integral=3.0, derivative=4.0, smoothing=0.5, delay=1, maximum=100.0)
    first = controlled(ControllerState.beginning(1.0), 0.2, settings)
    assert (first.weight, first.integral) == pytest.approx((2 * 0.2 + 1.6, 1.6))
    second = controlled(first, 0.6, settings)  # moving averages: 0.4 of both, a rise of 0.2
    assert second.integral == pytest.approx(1.6 + 3 * 0.6)
    assert second.weight == pytest.approx(2 * 0.4 + 3.4 + 4 * 0.2)
    third = controlled(second, -5.0, settings)  # a fall has no D; I stops at 0, and the weight too
    assert third.integral == 0.0 and third.weight == 0.0
    assert controlled(third, None, settings) is third  # not measured: nothing moves


def test_what_is_remembered_comes_back_from_json_bit_by_bit() -> None:
    state = simulated(lagging(0.6), 7, ConstraintsConfig(delay=3))[0][-1]
    assert len(state.figures) == 4
    assert ControllerState.of(json.loads(json.dumps(asdict(state)))) == state


def signal(name: str, high: float, null: float | None = 0.0, **changes: object) -> SafetySignal:
    made = SafetySignal(
        name,
        "ethnicity",
        "all",
        "validation",
        "held_out",
        0.0,
        -0.1,
        high,
        99,
        null,
        "greater",
        "",
        0.5,
        0.1,
        (),
        1,
        "ok",
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def test_the_upper_bound_is_the_worst_over_axes_and_scopes_less_the_null() -> None:
    flips, ranges = SIGNALS["flip_rate"], SIGNALS["recall_gap"]
    seen = [
        signal(flips, 0.04),
        signal(flips, 0.09, axis="religion"),
        signal(flips, 0.9, group="dalumi"),  # a group alone: too few rows to steer by
        signal(flips, 0.8, p_value=None),  # too few rows, or drafts that are not judged
        signal(ranges, 0.3, null=0.12),
    ]
    found = upper_bounds(seen, ("flip_rate", "recall_gap", "score_gap"))
    assert found == pytest.approx({"upper/flip_rate": 0.09, "upper/recall_gap": 0.18})


def test_the_furthest_excess_counts_and_what_is_not_measured_keeps_to_nothing() -> None:
    bounds = {"flip_rate": 0.05, "recall_gap": 0.1}
    assert excess({"upper/flip_rate": 0.04, "upper/recall_gap": 0.3}, bounds) == pytest.approx(0.2)
    assert excess({"upper/flip_rate": 0.04, "upper/recall_gap": 0.05}, bounds) == pytest.approx(-0.01)
    assert excess({"upper/flip_rate": 0.06}, bounds) == pytest.approx(0.01)
    assert excess({"upper/flip_rate": 0.04}, bounds) is None
    assert excess({}, bounds) is None


def test_names_are_those_of_the_schema_and_the_registries() -> None:
    assert set(SIGNALS) == {one.name for one in dataclasses.fields(BoundsConfig)}
    config = build_config({})
    assert set(PENALTIES) == set(config.safety.penalties.weights())
    assert set(SIGNALS) < {name.split(".")[-1] for name in flatten(asdict(config.safety.thresholds))}


ON = {"safety.axes": "ethnicity", "safety.pack": "demo", "safety.positive_labels": "harm"}


def test_a_constraint_turns_its_penalty_on_and_wrong_settings_are_refused() -> None:
    config = build_config({**ON, "safety.constraints.flip_rate": 0.05})
    assert config.safety.pushing() == ("logit_pairing",) and config.safety.driven == {"logit_pairing"}
    other = build_config({**ON, "safety.constraints.recall_gap": 0.1, "safety.constraints.drives": "equalised_odds"})
    assert other.safety.pushing() == ("equalised_odds",)
    assert build_config({**ON, "safety.limits.flip_rate": 0.05}).safety.pushing() == ()
    for wrong, said in (
        ({**ON, "safety.constraints.drives": "equalized_odds"}, "did you mean 'equalised_odds'"),
        ({**ON, "safety.penalties.logit_pairing.weight": 30}, "30 is more than config.safety.constraints.maximum"),
        ({}, "config.safety.constraints.flip_rate needs config.safety.axes"),
    ):
        with pytest.raises(ConfigError, match=said):
            build_config({**wrong, "safety.constraints.flip_rate": 0.05})
    with pytest.raises(ConfigError, match="did you mean config.safety.limits.flip_rate"):
        build_config({**ON, "safety.limits.flip_rates": 0.1})

"""Which parameters train, at what rate and decay: ordered rules ``(pattern, setting)`` over canonical parameter names.

The first rule that matches a name holds. A parameter that no rule matches and a rule that matches nothing are
errors, so that a plan never silently trains less, or more, than it says.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flax import nnx

from amharic_tl.config import TransferConfig
from amharic_tl.errors import ConfigError, name_some
from amharic_tl.models.naming import ParameterView, named_parameters
from amharic_tl.models.stack import Stack

# Word, position and type tables and their norm; a tied decoder is the word table itself, so it counts here too.
EMBEDDING = (
    r"(^|.*\.)(embeddings|embeddings_project|embed_tokens|embed_positions|layernorm_embedding|shared|wte|wpe)\..*"
)


@dataclass(frozen=True)
class Rule:
    """What holds for the parameters whose whole canonical name matches ``pattern``."""

    name: str
    pattern: str
    trainable: bool


@dataclass(frozen=True)
class PlanRow:
    """What the plan says of one parameter. ``layer`` is the block's place in the tower of blocks (a decoder's stand on
    its encoder's), None outside the blocks.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    parameters: int
    trainable: bool
    learning_rate_multiplier: float
    weight_decay: float
    layer: int | None
    rule: str


class TrainablePlan:
    """The resolved plan of one model: a row for every parameter, and the trees the step and the optimiser need."""

    def __init__(self, rows: Sequence[PlanRow], method: str, reason: str) -> None:
        self.rows = {row.name: row for row in rows}
        self.method = method
        self.reason = reason

    def is_trainable(self, path: Sequence[Any], variable: Any) -> bool:
        """A filter for ``nnx.split``. The model's stacks must have been regrouped (:meth:`regroup`)."""
        del path
        return isinstance(variable, nnx.Param) and self.rows[_names(variable)[0]].trainable

    def regroup(self, model: nnx.Module) -> None:
        """Cuts the stacks of ``model`` in place so that each run of layers trains wholly or not, leaf by leaf."""
        for _, module in nnx.iter_modules(model):
            if not isinstance(module, Stack):
                continue
            signature: dict[int, list[tuple[str, bool]]] = {}
            for view in named_parameters(module).values():
                assert view.layer is not None
                signature.setdefault(view.layer, []).append((view.template, self.rows[view.name].trainable))
            module.regroup([tuple(sorted(signature[layer])) for layer in sorted(signature)])

    def learning_rate_multipliers(self, state: nnx.State) -> Any:
        """A tree like ``state`` of multipliers, broadcastable to each leaf (per layer for stacked leaves)."""
        return self._values(state, "learning_rate_multiplier")

    def weight_decays(self, state: nnx.State) -> Any:
        """A tree like ``state`` of weight decays, broadcastable to each leaf."""
        return self._values(state, "weight_decay")

    def _values(self, state: nnx.State, field: str) -> Any:
        import jax
        import numpy as np

        def value(variable: nnx.Variable[Any]) -> Any:
            values = [getattr(self.rows[name], field) for name in _names(variable)]
            if len(set(values)) == 1:
                return variable.replace(np.float32(values[0]))
            return variable.replace(
                np.asarray(values, np.float32).reshape((-1,) + (1,) * (variable.get_value().ndim - 1))
            )

        return jax.tree.map(value, state, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))

    @property
    def totals(self) -> dict[str, int]:
        """Counts of parameters: all, trainable, frozen."""
        trainable = sum(row.parameters for row in self.rows.values() if row.trainable)
        everything = sum(row.parameters for row in self.rows.values())
        return {"parameters": everything, "trainable": trainable, "frozen": everything - trainable}

    def to_dict(self) -> dict[str, Any]:
        """What plan.json holds."""
        return {
            "method": self.method,
            "reason": self.reason,
            "rows": [asdict(row) for row in self.rows.values()],
            "totals": self.totals,
        }

    def table(self) -> str:
        """The plan as text: one line for each part of the model (block, embeddings, head) that is treated alike."""
        groups: dict[tuple[str, bool, float, str], int] = {}
        for row in self.rows.values():
            block = re.match(r"(.*?)\.?\w+\.(\d+)\.", row.name) if row.layer is not None else None
            part = f"{block[1]} block {block[2]}".strip() if block else row.name.rsplit(".", 2)[0]
            key = (part, row.trainable, row.learning_rate_multiplier, row.rule)
            groups[key] = groups.get(key, 0) + row.parameters
        width = max(len(part) for part, *_ in groups)
        lines = [f"{'part':<{width}}  {'parameters':>12}  trains  rate x  rule"]
        for (part, trainable, multiplier, rule), count in groups.items():
            rate = f"{multiplier:6.3f}" if trainable else "     -"
            lines.append(f"{part:<{width}}  {count:>12,}  {'yes' if trainable else 'no ':<6}  {rate}  {rule}")
        totals = self.totals
        share = totals["trainable"] / max(totals["parameters"], 1)
        lines.append(
            f"{totals['trainable']:,} of {totals['parameters']:,} parameters train ({share:.1%}): {self.reason}"
        )
        return "\n".join(lines)


def make_plan(model: nnx.Module, transfer: TransferConfig, weight_decay: float) -> TrainablePlan:
    """Resolves ``transfer`` into a plan for ``model``.

    An encoder-decoder counts as one tower, the decoder on top: its top blocks are the decoder's.

    Args:
      model: any model of this package.
      transfer: method, number of layers, layer decay.
      weight_decay: of matrices; vectors (biases, norms) have none.

    Raises:
      ConfigError: more layers asked for than the model has.
    """
    views = named_parameters(model)
    layers = [view.layer for view in views.values() if view.layer is not None]
    depth = max(layers, default=-1) + 1
    rules, reason = _rules(transfer, depth, views)
    matched = match_rules(list(views), rules)
    rows = [_row(view, matched[name], transfer.layer_decay, depth, weight_decay) for name, view in views.items()]
    return TrainablePlan(rows, transfer.method, reason)


def match_rules(names: Sequence[str], rules: Sequence[Rule]) -> dict[str, Rule]:
    """The first rule that matches each name.

    Raises:
      ConfigError: a name without a rule, or a rule without a name; up to ten offenders are named.
    """
    compiled = [(rule, re.compile(rule.pattern)) for rule in rules]
    matched: dict[str, Rule] = {}
    unmatched = []
    for name in names:
        for rule, pattern in compiled:
            if pattern.fullmatch(name):
                matched[name] = rule
                break
        else:
            unmatched.append(name)
    if unmatched:
        raise ConfigError(f"the plan has no rule for {len(unmatched)} parameters: {name_some(unmatched)}")
    used = {rule.name for rule in matched.values()}
    idle = [f"{rule.name} ({rule.pattern})" for rule in rules if rule.name not in used]
    if idle:
        raise ConfigError(
            f"rules of the plan that match no parameter: {name_some(idle)}; the parameters are {name_some(names)}"
        )
    return matched


def _blocks(views: Mapping[str, ParameterView], wanted: Container[int]) -> str:
    """A pattern of the parameters of the wanted blocks, whatever the family calls its stacks."""
    parts: dict[str, set[int]] = {}
    for view in views.values():
        if view.layer in wanted:
            before, _, after = view.template.partition("{}")
            found = parts.setdefault(re.escape(before), set())
            if after:
                found.add(int(view.name.removeprefix(before).partition(".")[0]))
    return "|".join(
        f"{name}({'|'.join(map(str, sorted(places)))})\\..*" if places else name for name, places in parts.items()
    )


def _rules(transfer: TransferConfig, depth: int, views: Mapping[str, ParameterView]) -> tuple[list[Rule], str]:
    """The ordered rules of a method, and one sentence that says what it does."""
    if transfer.method == "full":
        reason = "every parameter trains (transfer.method=full)"
        return [Rule("full", ".*", True)], _with_decay(reason, transfer)
    top = transfer.trainable_layers or 0
    if top > depth:
        raise ConfigError(f"config.transfer.trainable_layers: {top} asked for, but the model has {depth} layers")
    rules = [Rule("embeddings stay", EMBEDDING, False)]
    if depth - top > 0:
        rules.append(Rule("lower blocks stay", _blocks(views, range(depth - top)), False))
    if top > 0:
        rules.append(Rule(f"top {top} blocks", _blocks(views, range(depth - top, depth)), True))
    rules.append(Rule("head and pooler", ".*", True))
    if transfer.method == "head":
        return rules, "only the head and the pooler train (transfer.method=head)"
    reason = f"the top {top} of {depth} blocks, the head and the pooler train (transfer.method=top-layers)"
    return rules, _with_decay(reason, transfer)


def _with_decay(reason: str, transfer: TransferConfig) -> str:
    if transfer.layer_decay == 1.0:
        return reason
    return f"{reason}; each block's rate is {transfer.layer_decay:g} x that of the block above (transfer.layer_decay)"


def _row(view: ParameterView, rule: Rule, layer_decay: float, depth: int, weight_decay: float) -> PlanRow:
    # Top block 1, each block below x decay, embeddings one step below the lowest block; head and pooler 1
    # (Sun et al. 2019, section 5.3.4, written from the top).
    if view.layer is not None:
        below = depth - 1 - view.layer
    else:
        below = depth if re.fullmatch(EMBEDDING, view.name) else 0
    return PlanRow(
        name=view.name,
        shape=tuple(view.shape),
        dtype=str(view.dtype),
        parameters=int(view.size),
        trainable=rule.trainable,
        learning_rate_multiplier=layer_decay**below if rule.trainable else 0.0,
        weight_decay=weight_decay if rule.trainable and len(view.shape) > 1 else 0.0,
        layer=view.layer,
        rule=rule.name,
    )


def _names(variable: Any) -> list[str]:
    """Canonical names of the parameters that a (possibly stacked) variable holds."""
    metadata: Mapping[str, Any] = variable.get_metadata()
    if metadata.get("layers") is None:
        return [metadata["hf_name"]]
    return [metadata["hf_name"].format(layer) for layer in metadata["layers"]]

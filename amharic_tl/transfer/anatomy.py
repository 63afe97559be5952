"""The parts of a model that methods speak of, as patterns of canonical names: blocks, embeddings, vectors."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence

from amharic_tl.errors import ConfigError
from amharic_tl.models.naming import ParameterView
from amharic_tl.transfer.rules import Rule

# Word, position and type tables and their norm; a tied decoder is the word table itself, so it counts here too.
EMBEDDING = (
    r"(^|.*\.)(embeddings|embeddings_project|embed_tokens|embed_positions|layernorm_embedding|shared|wte|wpe)\..*"
)
# Attributes of models that work on the last hidden state.
_ON_TOP = ("head", "pooler", "classifier")


class Anatomy:
    """A model's parameters by canonical name, and its blocks counted from the lowest.

    An encoder-decoder counts as one tower, the decoder on top: its top blocks are the decoder's.
    """

    def __init__(self, views: Mapping[str, ParameterView]) -> None:
        self.views = views
        self.depth = max((view.layer for view in views.values() if view.layer is not None), default=-1) + 1

    def blocks(self, wanted: Container[int]) -> str:
        """A pattern of the parameters of the wanted blocks, whatever the family calls its stacks."""
        parts: dict[str, set[int]] = {}
        for view in self.views.values():
            if view.layer in wanted:
                before, _, after = view.template.partition("{}")
                found = parts.setdefault(re.escape(before), set())
                if after:
                    found.add(int(view.name.removeprefix(before).partition(".")[0]))
        return "|".join(
            f"{name}({'|'.join(map(str, sorted(places)))})\\..*" if places else name for name, places in parts.items()
        )

    def vectors(self) -> str:
        """A pattern of the biases and norms: whatever has one dimension in a layer."""
        templates = dict.fromkeys(view.template for view in self.views.values() if len(view.shape) <= 1)
        return "|".join(re.escape(template).replace(r"\{\}", r"\d+") for template in templates)

    def head(self) -> str:
        """A pattern of what stands on the last hidden state: a task's head, and the pooler."""
        names = [name for name, view in self.views.items() if getattr(view.path[0], "key", None) in _ON_TOP]
        return "|".join(map(re.escape, names))

    def rest(self, rules: Sequence[Rule], rule: Rule) -> list[Rule]:
        """``rule``, where there is a parameter that none of ``rules`` matches; otherwise nothing."""
        patterns = [re.compile(each.pattern) for each in rules]
        return [rule] if any(not any(p.fullmatch(name) for p in patterns) for name in self.views) else []

    def body(self, frozen_below: int) -> list[Rule]:
        """Rules by which the blocks from ``frozen_below`` on train, those below and the embeddings do not; nothing of
        the head.

        Raises:
          ConfigError: more blocks asked for than the model has.
        """
        if frozen_below < 0:
            raise ConfigError(
                f"config.transfer.trainable_layers: {self.depth - frozen_below} asked for, but the model has "
                f"{self.depth} layers"
            )
        rules = [Rule("embeddings stay", EMBEDDING, False)]
        if frozen_below > 0:
            rules.append(Rule("lower blocks stay", self.blocks(range(frozen_below)), False))
        if frozen_below < self.depth:
            top = self.depth - frozen_below
            rules.append(Rule(f"top {top} blocks", self.blocks(range(frozen_below, self.depth)), True))
        return rules

    def groups(self, count: int) -> Sequence[range]:
        """The blocks as ``count`` groups of neighbours, the top one first; upper groups take what does not divide.

        Raises:
          ConfigError: more groups than blocks.
        """
        if count > self.depth:
            raise ConfigError(
                f"config.transfer.groups: {count} groups asked for, but the model has {self.depth} layers"
            )
        bounds = [self.depth * place // count for place in range(count + 1)]
        return [range(start, stop) for start, stop in zip(bounds, bounds[1:], strict=False)][::-1]


def head() -> Rule:
    """Whatever no rule before it took: head and pooler, and a last norm. A drawn head must train."""
    return Rule("head and pooler", ".*", True)

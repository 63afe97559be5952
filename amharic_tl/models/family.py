"""What a model family declares, so that loading, sharding and exporting need no knowledge of it."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
from flax import nnx

# Rules (pattern of the canonical name, mesh axis of each dimension); a stacked leaf's layer axis is never sharded.
ShardingRules = Sequence[tuple[str, tuple[str | None, ...]]]


@dataclass(frozen=True)
class TiedTable:
    """A table that is usually the word table, and that a checkpoint may hold for itself although its config ties it.

    As in transformers 5, a tie holds only where the checkpoint does not contradict it.

    Attributes:
      name: without the backbone's prefix.
      is_output: whether it is the language model's output table, which a config can untie; otherwise one of words.
      tied_when_absent: whether a config that unties it is overruled by a checkpoint without it (T5).
      unsaid_tied: whether the family ties it where the config says nothing.
    """

    name: str
    is_output: bool = False
    tied_when_absent: bool = False
    unsaid_tied: bool = True


@dataclass(frozen=True)
class Family:
    """A family of models, such as BERT.

    Attributes:
      model_types: values of ``model_type`` in config.json.
      prefix: what stands before the backbone's parameter names in a model with a head (``bert.``).
      architectures: the class name in config.json by task (None: the backbone).
      build: makes the module from a config, a task (None: the backbone) and a key.
      sharding_rules: the first match holds; a name without a match is replicated.
      optional: patterns of parameters that may be missing and are then initialised (heads, pooler).
      droppable: patterns of known names that a task may not need (other heads, saved buffers, tied aliases).
      droppable_for: further such patterns by task: of a tower that a model for it does without.
      classifier: pattern of the parameters of the classification head, drawn anew together.
      class_rows: pattern of those among them that have a row for each class.
      bias_alias: (alias, name) of the decoder's bias, None where there is one name only. Where the two differ,
        transformers 5 reads the alias, earlier versions the name; so the alias is preferred when read, and an untied
        model is written with both.
      renames: (pattern, replacement) applied to the names of older checkpoints.
      dropout_keys: the config's dropout rates, all of which an override sets.
      layer_drop_keys: the config's rates of dropping whole layers, which an override of 0 sets to 0.
      word_table: its name without the backbone's prefix, for the next two.
      word_aliases: pattern of the names by which a checkpoint may hold the word table too, or instead.
      tied_tables: those that the weights may untie.
      query_value: last parts of the names of the linear layers that make queries and values, alone or with the keys.
    """

    model_types: tuple[str, ...]
    prefix: str
    architectures: Mapping[str | None, Mapping[str, str]]
    build: Callable[[Mapping[str, Any], str | None, jax.Array], nnx.Module]
    sharding_rules: ShardingRules
    optional: tuple[str, ...]
    droppable: tuple[str, ...]
    classifier: str
    class_rows: str
    bias_alias: tuple[str, str] | None = None
    renames: tuple[tuple[str, str], ...] = field(default=())
    dropout_keys: tuple[str, ...] = ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout")
    layer_drop_keys: tuple[str, ...] = ()
    word_table: str = ""
    word_aliases: str | None = None
    tied_tables: tuple[TiedTable, ...] = ()
    droppable_for: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    query_value: tuple[str, ...] = ("q_proj", "v_proj")

    def for_task(self, task: str | None) -> Family:
        """The family, with what a model for ``task`` may leave aside."""
        return replace(self, droppable=self.droppable + self.droppable_for.get(task or "", ()))

    def untied(self, names: Container[str]) -> bool:
        """Whether a model with parameters of these names has a decoder table of its own, and a bias of two names."""
        return self.bias_alias is not None and self.bias_alias[0].removesuffix("bias") + "weight" in names

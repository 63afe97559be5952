"""What a programme sends, read from its text."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from amharic_tl.distributed.collectives import Collective, collectives, sent_by_axis
from amharic_tl.distributed.mesh import make_mesh


def _line(groups: str, operation: str = "all-gather", shape: str = "bf16[8,4]{1,0}", more: str = "") -> str:
    return f"""HloModule m
ENTRY %main (p: f32[4]) -> f32[4] {{
  %p = f32[4] parameter(0)
  ROOT %x = {shape} {operation}(%p), channel_id=1, replica_groups={groups}, dimensions={{0}}{more}
}}
"""


@pytest.mark.parametrize(
    ("groups", "axes"),
    [
        ("{{0,1},{2,3},{4,5},{6,7}}", ("tensor",)),
        ("[4,2]<=[8]", ("tensor",)),
        ("{{0,2},{1,3},{4,6},{5,7}}", ("fsdp",)),
        ("[4,2]<=[2,2,2]T(0,2,1)", ("fsdp",)),
        ("[2,4]<=[4,2]T(1,0)", ("data", "fsdp")),
        ("{}", ("data", "fsdp", "tensor")),
        ("mesh['x'=2,'y'=2,'z'=2] {'x'}", ("data",)),
        ("mesh['x'=4,'y'=2] {'x':(2)2}", ("fsdp",)),
        ("mesh['x'=1,'y'=2,'z'=4], device_ids=([4,2]T(1,0)) {'y'}", ("tensor",)),
        ("mesh['x'=1,'y'=2,'z'=4]<=[4,2]T(1,0) {'z'}", ("data", "fsdp")),
        ("mesh['x'=4,'y'=2] {'x':(1)2}", ("data",)),
        ("{{0,3},{1,2},{4,7},{5,6}}", ("other",)),
    ],
)
def test_axes_of_groups(groups: str, axes: tuple[str, ...]) -> None:
    found = collectives(_line(groups), make_mesh(2, 2, 2))
    assert [one.axes for one in found] == [axes]
    assert found[0].whole == 64


@pytest.mark.parametrize(
    ("operation", "shape", "sent"),
    [
        ("all-gather", "f32[8,4]", 128 * 3 / 4),
        ("all-gather-start", "(f32[2,4], f32[8,4])", 128 * 3 / 4),
        ("all-reduce", "(f32[8], f32[8,3])", 2 * 128 * 3 / 4),
        ("reduce-scatter", "f32[2,4]", 128 * 3 / 4),
        ("all-to-all", "f32[8,4]", 128 * 3 / 4),
    ],
)
def test_bytes_of_a_ring(operation: str, shape: str, sent: float) -> None:
    text = _line("[2,4]<=[8]", operation, shape)
    assert sent_by_axis(collectives(text, make_mesh(2, 2, 2))) == {
        "fsdp+tensor": {operation.removesuffix("-start"): sent}
    }


def test_groups_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        collectives(_line("devices of tomorrow"), make_mesh(2, 2, 2))


def test_those_of_one_channel_are_one_where_they_come_from_one_place() -> None:
    line = '  %x{} = f32[8] all-reduce(%p), channel_id=1, replica_groups={{}}, metadata={{op_name="{}"}}'
    spread = "\n".join(
        ["HloModule m", "%f (p: f32[8]) -> f32[8] {", line.format(1, "a"), "}", "ENTRY %main (p: f32[8]) -> f32[8] {"]
        + [
            line.format(2, "a"),
            line.format(3, "b"),
            line.format(4, "b"),
            "  ROOT %y = f32[8] fusion(%p), calls=%f",
            "}",
        ]
    )
    assert len(collectives(spread, make_mesh(2, 2, 2))) == 3


def test_permutations_lie_along_the_axes_that_they_change() -> None:
    text = _line("{}", "collective-permute", "f32[8,4]", ", source_target_pairs={{0,2},{2,0}}")
    assert collectives(text, make_mesh(2, 2, 2)) == [Collective("collective-permute", ("fsdp",), 2, 1, 128)]


def test_a_loop_sends_as_often_as_it_runs() -> None:
    mesh = make_mesh(1, 8, 1)
    whole = NamedSharding(mesh, PartitionSpec())
    weights = jax.ShapeDtypeStruct((5, 8, 8), jnp.float32, sharding=NamedSharding(mesh, PartitionSpec(None, "fsdp")))

    def gathered(weights: jax.Array) -> jax.Array:
        def body(carry: jax.Array, weight: jax.Array) -> tuple[jax.Array, None]:
            return jnp.tanh(carry @ jax.lax.with_sharding_constraint(weight, whole)), None

        return jax.lax.scan(body, jnp.ones((3, 8)), weights)[0]

    text = jax.jit(gathered, out_shardings=whole).lower(weights).compile().as_text()
    assert sent_by_axis(collectives(text, mesh)) == {"fsdp": {"all-gather": 5 * 256 * 7 / 8}}
    # A TPU's text does not say how often a loop runs; its condition does.
    unsaid = text.replace("known_trip_count", "other")
    assert sent_by_axis(collectives(unsaid, mesh)) == {"fsdp": {"all-gather": 5 * 256 * 7 / 8}}


def test_a_loop_of_unknown_length_is_refused() -> None:
    text = """HloModule m
%body (p: f32[4]) -> f32[4] {
  ROOT %x = f32[4] all-reduce(%p), channel_id=1, replica_groups=[1,8]<=[8]
}
%condition (p: f32[4]) -> pred[] {
  ROOT %y = pred[] is-finite(%p)
}
ENTRY %main (p: f32[4]) -> f32[4] {
  ROOT %w = f32[4] while(%p), condition=%condition, body=%body
}
"""
    with pytest.raises(ValueError, match="unknown length"):
        collectives(text, make_mesh(2, 2, 2))

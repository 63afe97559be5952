"""Floating-point operations of a function, counted from its jaxpr times the trip counts of its loops.

XLA's own ``cost_analysis`` counts the body of a scan once, however often it runs, so that a stack of scanned layers
looks
as cheap as one. Only matrix products are counted (2 per multiply-add), the common convention (Kaplan et al. 2020,
table 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax.extend import core


def count_flops(function: Callable[..., Any], *arguments: Any) -> int:
    """Matrix-product FLOPs of ``function(*arguments)``; arguments may be arrays or shapes. Nothing is run.

    Work whose result nothing uses (the other half of a gradient that was not asked for) is not counted, as a compiler
    removes it.
    """
    closed = jax.make_jaxpr(function)(*arguments)
    return _jaxpr_flops(closed.jaxpr, set(map(id, closed.jaxpr.outvars)))


def _jaxpr_flops(jaxpr: Any, wanted: set[int]) -> int:
    """FLOPs of the equations that the wanted outputs need, walking backwards."""
    total = 0
    wanted = set(wanted)
    for equation in reversed(jaxpr.eqns):
        if not any(id(out) in wanted for out in equation.outvars):
            continue
        total += _equation_flops(equation)
        wanted.update(id(value) for value in equation.invars if not isinstance(value, core.Literal))
    return total


def _equation_flops(equation: Any) -> int:
    name, parameters = equation.primitive.name, equation.params
    if name == "dot_general":
        (lhs_contracted, _), _ = parameters["dimension_numbers"]
        contracted = math.prod(equation.invars[0].aval.shape[axis] for axis in lhs_contracted)
        return 2 * contracted * math.prod(equation.outvars[0].aval.shape)
    inner = [_jaxpr_flops(jaxpr, set(map(id, jaxpr.outvars))) for jaxpr in _inner_jaxprs(parameters)]
    if not inner:
        return 0
    if name == "scan":
        return int(parameters["length"]) * sum(inner)
    if name == "cond":
        return max(inner)
    if name == "while":
        raise ValueError("a while loop has no known trip count; use scan, or count its body by itself")
    return sum(inner)


def _inner_jaxprs(parameters: dict[str, Any]) -> Iterator[Any]:
    for value in parameters.values():
        for item in value if isinstance(value, list | tuple) else [value]:
            if isinstance(item, core.ClosedJaxpr):
                yield item.jaxpr
            elif isinstance(item, core.Jaxpr):
                yield item

"""Looks into Plotly figures as notebooks hold them."""
from __future__ import annotations

import base64
import sys
from array import array
from collections.abc import Iterator
from typing import Any

PLOTLY = 'application/vnd.plotly.v1+json'
SERIES = ('x', 'y', 'z', 'r', 'theta', 'a', 'b', 'c', 'values', 'open', 'high', 'low', 'close', 'base', 'lower', 'upper', 'median', 'q1', 'q3', 'mean', 'sd',
          'lowerfence', 'upperfence')
NESTED = (('error_x', 'array'), ('error_x', 'arrayminus'), ('error_y', 'array'), ('error_y', 'arrayminus'), ('marker', 'size'), ('marker', 'color'))
TYPECODES = {'f8': 'd', 'f4': 'f', 'i4': 'i', 'u4': 'I', 'i2': 'h', 'u2': 'H', 'i1': 'b', 'u1': 'B', 'u1c': 'B'}
NOT_NUMBERS = {'nan', 'inf', 'infinity', '-inf', '-infinity', 'undefined', 'null'}


def plain(value: Any) -> Any:
    """A figure's JSON with Plotly's binary arrays, {dtype, bdata}, as lists of numbers."""
    if isinstance(value, dict) and {'dtype', 'bdata'} <= set(value):
        numbers = array(TYPECODES[value['dtype']], base64.b64decode(value['bdata']))
        if sys.byteorder == 'big':
            numbers.byteswap()
        return numbers.tolist()
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def gaps(figure: dict[str, Any]) -> Iterator[str]:
    """Every series of a figure with a value that is no number where one is expected.

    A trace that means its gaps says so: `connectgaps: true` or `meta: {allowGaps: true}`.
    """
    for number, trace in enumerate(plain(figure).get('data', [])):
        meta = trace.get('meta')
        if trace.get('connectgaps') is True or isinstance(meta, dict) and meta.get('allowGaps') is True:
            continue
        series = [(name, trace.get(name)) for name in SERIES]
        series += [(f'{outer}.{inner}', trace[outer].get(inner)) for outer, inner in NESTED if isinstance(trace.get(outer), dict)]
        for name, values in series:
            place = first_gap(values) if isinstance(values, list) else None
            if place is not None:
                yield f'"{trace.get("name") or f"trace {number + 1}"}" plots {place[1]} at {name}[{place[0]}]: compute a number, or mark the trace with meta.allowGaps'


def first_gap(values: list[Any]) -> tuple[int, str] | None:
    """Where a series first has no number, in rows of rows as well, and what it has."""
    for index, value in enumerate(values):
        inner = first_gap(value) if isinstance(value, list) else None
        if inner:
            return index, inner[1]
        if value is None:
            return index, 'NaN (null in the notebook)'
        if isinstance(value, float) and (value != value or value in (float('inf'), float('-inf'))) or isinstance(value, str) and value.strip().lower() in NOT_NUMBERS:
            return index, str(value)
    return None

"""Whether two notebooks say the same: cells exactly, outputs up to the last digits of their numbers."""
from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

from figures import PLOTLY, plain
from notebook import NotebookNode, label, mime_text

NUMBER = re.compile(r'[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?')
FLOAT32_NOISE = 1e-6
SHOWN_LINES = 24
SHOWN_CHARACTERS = 160


def cell_differences(committed: NotebookNode, built: NotebookNode) -> Iterator[str]:
    """Where a committed notebook's cells are not what its source gives: text, kind, ids, metadata."""
    for index, (old, new) in enumerate(zip(committed.cells, built.cells)):
        at = f'cell {index + 1} of {len(built.cells)}'
        if (old.cell_type, old.source) != (new.cell_type, new.source):
            diff = difflib.unified_diff(old.source.splitlines(), new.source.splitlines(), f'committed, {at}', f'source, {at}', lineterm='', n=1)
            yield '\n'.join(list(diff)[:SHOWN_LINES]) or f'{at} is {old.cell_type} in the notebook and {new.cell_type} in the source'
        elif old.id != new.id:
            yield f'{at}: its id is {old.id}, from the source {new.id}'
        elif old.metadata != new.metadata:
            yield f'{at}: its metadata is {dict(old.metadata)}, from the source {dict(new.metadata)}'
    if len(committed.cells) != len(built.cells):
        yield f'the notebook has {len(committed.cells)} cells, the source {len(built.cells)}'
    if committed.metadata != built.metadata:
        yield f'the notebook\'s metadata is {dict(committed.metadata)}, from the source {dict(built.metadata)}'


def output_differences(committed: NotebookNode, rerun: NotebookNode, tolerance: float) -> Iterator[str]:
    """Where a re-run shows something else than what is committed."""
    for index, (old, new) in enumerate(zip(committed.cells, rerun.cells)):
        if old.cell_type != 'code':
            continue
        at = label(committed, index)
        if len(old.outputs) != len(new.outputs):
            yield f'{at}: {len(old.outputs)} outputs are committed, a re-run shows {len(new.outputs)}: ' + ', '.join(map(kind, new.outputs))
        for number, (was, now) in enumerate(zip(old.outputs, new.outputs)):
            for difference in one_output(*((outline(was), outline(now)) if old.metadata.get('sampled') else (was, now)), tolerance):
                yield f'{at}, output {number + 1}: {difference}'


def kind(output: NotebookNode) -> str:
    return output.get('name') or ' + '.join(sorted(output.get('data', {}))) or output.output_type


def outline(output: NotebookNode) -> NotebookNode:
    """What an output of a sampled cell must keep: its kind, a table's columns and how many rows, a figure's axes and traces.

    Training on samples magnifies a rounding difference into other samples, and so into other numbers; what they must satisfy, claims say.
    """
    kept = NotebookNode({**output, 'text': ''} if output.output_type == 'stream' else output)
    if 'data' in output:
        kept.data = NotebookNode({mime: outlined(mime, value) for mime, value in output.data.items()})
    return kept


def outlined(mime: str, value: Any) -> Any:
    if mime == PLOTLY:
        layout = value.get('layout', {})
        axes = {name: without_numbers(axis.get('title', {}).get('text', '')) for name, axis in layout.items() if re.match(r'[xy]axis\d*$', name)}
        return {'axes': axes, 'traces': [{'type': trace.get('type'), 'name': without_numbers(trace.get('name') or '')} for trace in value.get('data', [])]}
    if mime == 'text/html':
        html = mime_text(value)
        return ' '.join([f'rows: {html.count("<tr")}', *map(without_numbers, re.findall(r'<th[^>]*>(.*?)</th>', html, re.S))])
    return ''


def without_numbers(text: str) -> str:
    return NUMBER.sub('#', text.replace('\u2212', '-'))


def one_output(old: NotebookNode, new: NotebookNode, tolerance: float) -> Iterator[str]:
    if (old.output_type, kind(old)) != (new.output_type, kind(new)):
        yield f'{old.output_type} {kind(old)} is committed, a re-run shows {new.output_type} {kind(new)}'
        return
    if old.get('metadata', {}) != new.get('metadata', {}):
        yield f'metadata {dict(old.metadata)} is committed, a re-run gives {dict(new.metadata)}'
    if old.output_type == 'stream':
        yield from text_differences(old.name, mime_text(old.text), mime_text(new.text), tolerance)
    for mime in sorted(old.get('data', {})):
        was, now = old.data[mime], new.data[mime]
        if mime.startswith('image/'):
            continue  # what it draws is compared as Plotly JSON; the pixels depend on the fonts' hinting
        if mime.endswith('json'):
            yield from (f'{mime} {place}' for place in json_differences(plain(was), plain(now), tolerance, ''))
        else:
            yield from text_differences(mime, mime_text(was), mime_text(now), tolerance)


def text_differences(name: str, old: str, new: str, tolerance: float) -> Iterator[str]:
    """The first line that differs, whatever the spaces between words and the last digits of numbers."""
    was, now = old.splitlines(), new.splitlines()
    for number in range(max(len(was), len(now))):
        a, b = (lines[number] if number < len(lines) else '' for lines in (was, now))
        if not same_text(a, b, tolerance):
            yield f'{name}, line {number + 1}:\n  - {clipped(a, b)}\n  + {clipped(b, a)}'
            return


def clipped(text: str, other: str) -> str:
    """The part of a long line around where it begins to differ from the other."""
    if len(text) <= SHOWN_CHARACTERS:
        return text
    first = next((n for n, (a, b) in enumerate(zip(text, other)) if a != b), min(len(text), len(other)))
    begin = max(0, first - SHOWN_CHARACTERS // 2)
    return ('…' if begin else '') + text[begin:begin + SHOWN_CHARACTERS] + ('…' if begin + SHOWN_CHARACTERS < len(text) else '')


def same_text(old: str, new: str, tolerance: float) -> bool:
    if old == new:
        return True
    old, new = old.replace('\u2212', '-'), new.replace('\u2212', '-')
    if [part.split() for part in NUMBER.split(old)] != [part.split() for part in NUMBER.split(new)]:
        return False
    return all(same_printed(a, b, tolerance) for a, b in zip(NUMBER.findall(old), NUMBER.findall(new)))


def same_printed(old: str, new: str, tolerance: float) -> bool:
    """Two printed numbers, each standing for the interval that rounds to it: 0.201 and 0.202 may be one value's two sides."""
    a, b = float(old), float(new)
    return abs(a - b) <= max(tolerance * max(abs(a), abs(b)), FLOAT32_NOISE, 1.001 * max(last_place(old), last_place(new)))


def last_place(number: str) -> float:
    """One unit of the last printed digit after the point; 0 for a whole number, which is exact."""
    mantissa, _, exponent = number.lower().partition('e')
    decimals = len(mantissa.partition('.')[2])
    return 10.0 ** (int(exponent or 0) - decimals) if decimals else 0.0


def json_differences(old: Any, new: Any, tolerance: float, path: str, scale: float = 0.0) -> Iterator[str]:
    """The places where two JSON values differ; a number in a list is measured against the list's largest."""
    if is_number(old) and is_number(new):
        if abs(old - new) > tolerance * max(abs(old), abs(new), scale) + FLOAT32_NOISE:
            yield f'{path}: {old} is committed, a re-run gives {new}'
    elif isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        for key in old:
            yield from json_differences(old[key], new[key], tolerance, f'{path}.{key}' if path else key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        largest = max((abs(value) for value in old if is_number(value)), default=0.0)
        for index, (a, b) in enumerate(zip(old, new)):
            yield from json_differences(a, b, tolerance, f'{path}[{index}]', largest)
    elif isinstance(old, str) and isinstance(new, str):
        if not same_text(old, new, tolerance):
            yield f'{path}: {old!r} is committed, a re-run gives {new!r}'
    elif old != new or type(old) is not type(new):
        yield f'{path}: {clip(old)} is committed, a re-run gives {clip(new)}'


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def clip(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + '…'

"""What an executed lab must satisfy, whatever its text: every cell ran, every promise kept, nothing broken shown."""
from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from figures import PLOTLY, gaps
from grading import checks
from notebook import ROOT, NotebookNode, is_run, label, mime_text

SCORE = 'application/vnd.rlhf-labs.score+json'



def problems(notebook: NotebookNode) -> list[tuple[int, str]]:
    """(index of the cell, sentence) for everything that is wrong with an executed notebook."""
    found = []
    for index, cell in enumerate(notebook.cells):
        if is_run(cell):
            found += [(index, f'{label(notebook, index)}: {problem}') for problem in cell_problems(cell)]
    return found


def cell_problems(cell: NotebookNode) -> Iterator[str]:
    if cell.execution_count is None:
        yield 'was not executed'
    for output in cell.outputs:
        if output.output_type == 'error':
            yield f'shows an error: {output.ename}: {output.evalue}'
    for promise in cell.metadata.get('promises', []):
        if promise not in PROMISES:
            yield f'promises "{promise}", which is none of {", ".join(PROMISES)}'
        elif not any(PROMISES[promise](output) for output in cell.outputs):
            yield f'promises a {promise} and shows none{HINTS.get(promise, "")}'
    for number, output in enumerate(cell.outputs):
        yield from (f'output {number + 1}: {gap}' for gap in gaps(output.get('data', {}).get(PLOTLY, {})))
        yield from own_paths(output)


def has_text(output: NotebookNode) -> bool:
    if output.output_type == 'stream':
        return bool(mime_text(output.text).strip())
    return bool(mime_text(output.get('data', {}).get('text/plain', '')).strip())


PROMISES: dict[str, Callable[[NotebookNode], bool]] = {
    'figure': lambda output: {PLOTLY, 'image/png'} <= set(output.get('data', {})),
    'table': lambda output: '<table' in mime_text(output.get('data', {}).get('text/html', '')),
    'text': has_text,
}
HINTS = {'figure': ' (one output with Plotly JSON and a PNG: await show(figure))', 'table': ' (an HTML table: await show(rows))'}


def own_paths(output: NotebookNode) -> Iterator[str]:
    """Folders of this machine in what is shown, which another reader does not have."""
    if 'volatile' in output.get('metadata', {}):
        return
    texts = [mime_text(output.get('text', ''))]
    texts += [mime_text(value) for mime, value in output.get('data', {}).items() if mime.startswith('text/')]
    # the longest first: a repository may lie in the home or the temporary folder
    folders = sorted({str(ROOT), str(Path.home()), os.path.realpath(tempfile.gettempdir())} - {'/'}, key=len, reverse=True)
    found = [folder for folder in folders if any(f'{folder}/' in text or f'{folder}\n' in text for text in texts)]
    if found:
        yield f'shows a folder of this machine, {found[0]}: print paths relative to the repository'


def student_problems(notebook: NotebookNode, blocks: dict[int, list[str]]) -> Iterator[str]:
    """Solutions that a student's notebook gives away."""
    for index, found in blocks.items():
        for block in found:
            long = len([line for line in block.splitlines() if line.strip()]) > 1
            for place, cell in enumerate(notebook.cells):
                if (long or place == index) and squeezed(block) in squeezed(cell.source):
                    yield f"{label(notebook, place)}: gives the solution of {label(notebook, index)} away"


def exercise_problems(notebook: NotebookNode, form: str) -> Iterator[str]:
    """Exercises that the solution does not solve, and exercises that the untouched student form solves."""
    for index, cell in enumerate(notebook.cells):
        for id, state in verdicts(cell):
            if form == 'solution' and state != 'solved':
                yield f'{label(notebook, index)}: the solution of exercise {id} does not pass its check'
            if form == 'student' and state == 'solved':
                yield f'{label(notebook, index)}: exercise {id} passes its check before the student has done anything: add cases that tell right from wrong'


def verdicts(cell: NotebookNode) -> Iterator[tuple[str, str]]:
    """(id, 'solved' or what else) of the exercises that a cell has checked, as check() shows them."""
    for id in checks(cell.source) if cell.cell_type == 'code' else []:
        for output in cell.outputs:
            line = mime_text(output.get('data', {}).get('text/plain', ''))
            if found := re.match(rf'\S {re.escape(id)} (solved|not solved yet|not right yet)\b', line):
                yield id, found[1]


def score(notebook: NotebookNode) -> dict[str, Any] | None:
    """The last score that a notebook shows: {solved, of, exercises}."""
    scores = [output.data[SCORE] for cell in notebook.cells if cell.cell_type == 'code' for output in cell.outputs if SCORE in output.get('data', {})]
    return scores[-1] if scores else None


def squeezed(text: str) -> str:
    return ''.join(text.split())

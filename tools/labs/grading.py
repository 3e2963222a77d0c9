"""nbgrader's cell metadata (schema 3), so that a course can collect and grade the student notebooks with it."""
from __future__ import annotations

import re

from notebook import NotebookNode

CHECK = re.compile(r"\bcheck\(\s*(['\"`])([^'\"`]+)\1")
SCHEMA = 3


def checks(source: str) -> list[str]:
    """The ids of the exercises that a cell checks."""
    return [match[2] for match in CHECK.finditer(source)]


def mark(cells: list[NotebookNode], exercises: set[int]) -> None:
    """Marks the cells that hold a solution, and the cells that check one, a point for each check.

    A solution takes the id of the next check (2.1 → `solution-2-1`, checked by `check-2-1`), or its cell's.
    """
    for index, cell in enumerate(cells):
        ids = checks(cell.source) if cell.cell_type == 'code' else []
        if not ids and index not in exercises:
            continue
        following = next((found[0] for later in cells[index:] if later.cell_type == 'code' and (found := checks(later.source))), cell.id)
        cell.metadata['nbgrader'] = {
            'schema_version': SCHEMA, 'solution': index in exercises, 'grade': bool(ids), 'task': False,
            'locked': index not in exercises, 'grade_id': grade_id('check' if ids else 'solution', following, cells, index),
            **({'points': len(ids)} if ids else {}),
        }


def grade_id(kind: str, exercise: str, cells: list[NotebookNode], index: int) -> str:
    """Letters, digits and hyphens, no two alike in a notebook."""
    name = f'{kind}-' + re.sub(r'[^A-Za-z0-9_-]+', '-', exercise)
    taken = {cell.metadata['nbgrader']['grade_id'] for cell in cells[:index] if 'nbgrader' in cell.metadata}
    return name if name not in taken else f'{name}-{cells[index].id}'

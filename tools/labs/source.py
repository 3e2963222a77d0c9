"""From one TypeScript source to the two notebooks: the student's with gaps, the solution's without."""
from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from notebook import KERNEL, LabError, NotebookNode, nbformat, shown

import grading
import jupytext

FORMS = ('student', 'solution')
MAX_LINES = 15
BEGIN = re.compile(r'^(\s*)// BEGIN SOLUTION\s*$')
END = re.compile(r'^\s*// END SOLUTION\s*$')
STUDENT = re.compile(r'^(\s*)// STUDENT: ?(.*)$')
MARK = re.compile(r'//\s*(BEGIN SOLUTION|END SOLUTION|STUDENT:)')
FOR_AWAIT = re.compile(r'^for await\b', re.M)
PLAIN_AWAIT = re.compile(r'(?<!for )\bawait\b')
IMPORTS_TODO = re.compile(r'import\s*\{[^}]*\btodo\b[^}]*\}')


@dataclass(frozen=True)
class Lab:
    """A source, its two unexecuted notebooks, the line each cell begins at, and the solution blocks by cell."""
    path: Path
    student: NotebookNode
    solution: NotebookNode
    lines: list[int]
    blocks: dict[int, list[str]]

    def form(self, form: str) -> NotebookNode:
        return self.student if form == 'student' else self.solution

    def at(self, index: int) -> str:
        return f'{shown(self.path)}:{self.lines[index]}'


def load(path: Path) -> Lab:
    """Reads a source; a LabError names file and line of what is against the conventions."""
    source = path.read_text(encoding='utf-8')
    cells = jupytext.reads(source, fmt={'extension': '.ts', 'format_name': 'percent', 'comment_magics': False}).cells
    lines = [number + 2 for number, line in enumerate(source.splitlines()) if line.startswith('// %%')]
    if len(lines) != len(cells) or not any(cell.cell_type == 'code' for cell in cells):
        raise LabError(f'{shown(path)}: every cell begins with a line `// %%` or `// %% [markdown]`, and one at least holds code')
    forms: dict[str, list[NotebookNode]] = {form: [] for form in FORMS}
    blocks: dict[int, list[str]] = {}
    for index, cell in enumerate(cells):
        texts = [cell.source] * 2
        if cell.cell_type == 'code':
            *texts, found = split(cell.source.splitlines(), shown(path), lines[index])
            if found:
                blocks[index] = found
        for form, body in zip(FORMS, texts):
            forms[form].append(new_cell(cell, body))
    if any('return todo()' in cell.source for cell in forms['student']) and not IMPORTS_TODO.search(source):
        raise LabError(f"{shown(path)}: the student's exercises call todo(): add it to the imports from 'rlhf-labs'")
    name_cells(cells, forms)
    for kind in forms.values():
        grading.mark(kind, set(blocks))
    return Lab(path, assemble(path, 'student', forms['student']), assemble(path, 'solution', forms['solution']), lines, blocks)


def split(lines: list[str], file: str, first: int) -> tuple[str, str, list[str]]:
    """The student's text, the solution's text and the solution blocks of a cell that begins at line `first`."""
    student: list[str] = []
    solution: list[str] = []
    blocks: list[str] = []
    at = 0
    while at < len(lines):
        begin = BEGIN.match(lines[at])
        if not begin:
            refuse_marks(lines[at:at + 1], file, first + at)
            student.append(lines[at])
            solution.append(lines[at])
            at += 1
            continue
        end = next((n for n in range(at + 1, len(lines)) if END.match(lines[n])), None)
        if end is None:
            raise LabError(f'{file}:{first + at}: BEGIN SOLUTION without END SOLUTION in its cell')
        block, place = lines[at + 1:end], first + at
        refuse_marks(block, file, first + at + 1)
        at, given = end + 1, []
        while at < len(lines) and (line := STUDENT.match(lines[at])):
            given.append((line[1] + line[2]).rstrip())
            at += 1
        if not given and not begin[1]:
            raise LabError(f'{file}:{place}: a solution outside a function has nothing to return: indent it, or give `// STUDENT:` lines')
        student += given or [f'{begin[1]}// Your code here.', f'{begin[1]}return todo()']
        solution += block
        blocks.append('\n'.join(block))
    for kind in (student, solution):
        if len(kind) > MAX_LINES:
            raise LabError(f'{file}:{first}: the cell has {len(kind)} lines; at most {MAX_LINES} are read at a glance: split it')
        text = '\n'.join(kind)
        if FOR_AWAIT.search(text) and not PLAIN_AWAIT.search(text):
            raise LabError(f'{file}:{first}: tslab without our kernel does not see that `for await` awaits: begin the cell with `await ready()`')
    return '\n'.join(student), '\n'.join(solution), blocks


def refuse_marks(lines: list[str], file: str, first: int) -> None:
    for offset, line in enumerate(lines):
        if mark := MARK.search(line):
            raise LabError(f'{file}:{first + offset}: `{mark[1]}` is out of place: BEGIN SOLUTION, END SOLUTION, then STUDENT lines, each on a line of its own')


def new_cell(cell: NotebookNode, body: str) -> NotebookNode:
    make = nbformat.v4.new_code_cell if cell.cell_type == 'code' else nbformat.v4.new_markdown_cell
    keep = {key: cell.metadata[key] for key in ('promises', 'sampled', 'tags') if key in cell.metadata}
    return make(source=body, metadata=keep)


def name_cells(cells: list[NotebookNode], forms: dict[str, list[NotebookNode]]) -> None:
    """Ids from what the source says, so that a cell put in leaves the others' ids alone; both forms share them."""
    seen: dict[str, int] = {}
    for index, cell in enumerate(cells):
        name = hashlib.sha256(f'{cell.cell_type}\n{cell.source}'.encode()).hexdigest()[:8]
        seen[name] = seen.get(name, 0) + 1
        for kind in forms.values():
            kind[index].id = name if seen[name] == 1 else f'{name}-{seen[name]}'


def assemble(path: Path, form: str, cells: list[NotebookNode]) -> NotebookNode:
    return nbformat.v4.new_notebook(cells=cells, metadata={
        'kernelspec': {'display_name': 'TypeScript', 'language': 'typescript', 'name': KERNEL},
        'language_info': {'codemirror_mode': 'typescript', 'file_extension': '.ts', 'mimetype': 'application/typescript', 'name': 'typescript', 'pygments_lexer': 'typescript'},
        'rlhf-labs': {'form': form, 'source': f'src/{path.name}'},
    })

"""The notebook format: reading, writing and naming cells, one place for everything that knows nbformat."""
from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

# jsonschema builds a grammar for URIs on import, 1.2 s in every process, which no notebook needs
sys.modules.setdefault('rfc3987_syntax', None)  # type: ignore[arg-type]

import nbformat  # noqa: E402
from nbformat import NotebookNode  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
KERNEL = 'tslab'


class LabError(Exception):
    """What a lab's author or runner did wrong, in a sentence to print without a traceback."""


def read(path: Path) -> NotebookNode:
    """The notebook in a file; a LabError names the file when it is not one."""
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        return notebook
    except FileNotFoundError:
        raise LabError(f'{shown(path)} is not there') from None
    except Exception as error:  # nbformat raises many kinds
        raise LabError(f'{shown(path)} is not a valid notebook: {str(error).splitlines()[0]}') from None


def text(notebook: NotebookNode) -> str:
    """The file's text: keys sorted, one space of indent, a newline at the end."""
    nbformat.validate(notebook)
    return nbformat.writes(notebook, version=nbformat.NO_CONVERT) + '\n'


def write_text(path: Path, content: str) -> None:
    """Writes to a temporary name beside the file, then renames, so that no half file is ever seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.', suffix='.tmp')
    try:
        with os.fdopen(handle, 'w', encoding='utf-8') as file:
            file.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def is_run(cell: NotebookNode) -> bool:
    """Whether Jupyter would execute the cell: code that is not empty."""
    return cell.cell_type == 'code' and bool(cell.source.strip())


def label(notebook: NotebookNode, index: int) -> str:
    """The cell as a reader sees it, `cell [n]`, n counting the cells that run."""
    return f'cell [{sum(is_run(cell) for cell in notebook.cells[:index + 1])}]'


def mime_text(value: Any) -> str:
    """The text of one MIME entry or stream, which a file may hold as a list of lines."""
    return ''.join(value) if isinstance(value, list) else str(value)


def shown(path: Path) -> str:
    """The path as to print it: relative to the repository where it lies inside."""
    path = path.resolve()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)

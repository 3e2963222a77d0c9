"""An executed notebook as it is committed: the same bytes whenever and wherever it ran."""
from __future__ import annotations

import copy

from notebook import NotebookNode, is_run

from nbconvert.preprocessors import CoalesceStreamsPreprocessor


def normalised(executed: NotebookNode, template: NotebookNode) -> NotebookNode:
    """The executed outputs in the cells of `template`, as built from the source.

    Execution counts run from 1, streams that follow each other are one, and a volatile output shows its fixed text.
    """
    streams = CoalesceStreamsPreprocessor()
    result = copy.deepcopy(template)
    count = 0
    for cell, run in zip(result.cells, executed.cells):
        if not is_run(cell) or run.execution_count is None:
            continue
        count += 1
        cell.execution_count = count
        cell.outputs = streams.preprocess_cell(copy.deepcopy(run), {}, 0)[0].outputs
        for output in cell.outputs:
            if output.output_type == 'execute_result':
                output.execution_count = count
            if 'volatile' in output.get('metadata', {}):
                output.data = NotebookNode({'text/plain': str(output.metadata['volatile'])})
    return result

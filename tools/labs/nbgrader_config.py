"""nbgrader's configuration for a course made of RLHF Labs; copied into the course's folder, where it may be changed."""
from nbgrader.converters import GenerateAssignment
from nbgrader.preprocessors import ClearSolutions

c = get_config()  # noqa: F821  # type: ignore[name-defined]


class StudentCells(ClearSolutions):
    """Puts the student's text of each exercise, bug to find included, in place of its solution."""

    def preprocess_cell(self, cell, resources, cell_index):
        given = cell.metadata.pop('rlhf-labs-student', None)
        if given is None:
            return super().preprocess_cell(cell, resources, cell_index)
        cell.source = given
        return cell, resources


c.GenerateAssignment.preprocessors = [StudentCells if step is ClearSolutions else step for step in GenerateAssignment.preprocessors.default_args[0]]
c.Execute.timeout = 120
# a student who did not touch an exercise has still run its check: the cells' outputs decide, not their text
c.ClearSolutions.code_stub = {'typescript': '// Your code here.'}

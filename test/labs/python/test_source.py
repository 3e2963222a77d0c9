"""The two forms of a source, and what a source may not hold."""
import tempfile
import unittest
from pathlib import Path

from notebook import LabError, nbformat
from source import Lab, load

IMPORT = "// %%\nimport { todo, check } from 'rlhf-labs'\n\n"
EXERCISE = '''// %%
function double(x: number) {
  const y = 2
  // BEGIN SOLUTION
  return x * y
  // END SOLUTION
}

// %%
check('1.1', double, (x: number) => x + x, [[1], [3]], { hint: 'twice' })
'''


def lab(source: str) -> Lab:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, '01-some.ts')
        path.write_text(source)
        return load(path)


class Forms(unittest.TestCase):
    def test_a_gap_for_the_student_the_block_for_the_solution(self) -> None:
        made = lab(IMPORT + EXERCISE)
        self.assertEqual(made.student.cells[1].source, 'function double(x: number) {\n  const y = 2\n  // Your code here.\n  return todo()\n}')
        self.assertEqual(made.solution.cells[1].source, 'function double(x: number) {\n  const y = 2\n  return x * y\n}')

    def test_given_lines_stand_instead_of_the_gap_and_not_in_the_solution(self) -> None:
        made = lab('// %%\nif (true) {\n  // BEGIN SOLUTION\n  f(1)\n  // END SOLUTION\n  // STUDENT: if (a)\n  // STUDENT:   f(0) // why?\n}\n')
        self.assertEqual(made.student.cells[0].source, 'if (true) {\n  if (a)\n    f(0) // why?\n}')
        self.assertEqual(made.solution.cells[0].source, 'if (true) {\n  f(1)\n}')

    def test_two_blocks_in_a_cell(self) -> None:
        block = '  // BEGIN SOLUTION\n  return {}\n  // END SOLUTION\n'
        made = lab(IMPORT + '// %%\nfunction a() {\n' + block.format(1) + '}\nfunction b() {\n' + block.format(2) + '}\n')
        self.assertEqual(made.student.cells[1].source.count('return todo()'), 2)
        self.assertEqual(made.solution.cells[1].source, 'function a() {\n  return 1\n}\nfunction b() {\n  return 2\n}')

    def test_comments_that_look_like_magics_stay(self) -> None:
        self.assertEqual(lab('// %%\n// %timeit\n// ! so\n!f\n').student.cells[0].source, '// %timeit\n// ! so\n!f')

    def test_promises_are_kept_and_other_metadata_is_not(self) -> None:
        made = lab('// %% promises=["figure", "text"] sampled=true other=1\nf()\n')
        self.assertEqual(dict(made.student.cells[0].metadata), {'promises': ['figure', 'text'], 'sampled': True})

    def test_ids_are_shared_by_the_forms_unique_and_deaf_to_other_cells(self) -> None:
        one, more = lab('// %%\nf()\n\n// %%\nf()\n'), lab('// %%\ng()\n\n// %%\nf()\n\n// %%\nf()\n')
        ids = [cell.id for cell in one.student.cells]
        self.assertEqual(ids, [cell.id for cell in one.solution.cells])
        self.assertEqual(len(set(ids)), 2)
        self.assertEqual(ids, [cell.id for cell in more.student.cells[1:]])

    def test_both_forms_are_valid_notebooks_for_nbgrader(self) -> None:
        made = lab(IMPORT + EXERCISE)
        for form in (made.student, made.solution):
            nbformat.validate(form)
            marks = [cell.metadata.get('nbgrader') for cell in form.cells]
            self.assertEqual(marks, [
                None,
                {'schema_version': 3, 'grade': False, 'solution': True, 'locked': False, 'task': False, 'grade_id': 'solution-1-1'},
                {'schema_version': 3, 'grade': True, 'solution': False, 'locked': True, 'task': False, 'grade_id': 'check-1-1', 'points': 1},
            ])

    def test_a_cell_knows_its_line(self) -> None:
        self.assertRegex(lab('// %%\nf()\n\n// %% [markdown]\n// text\n\n// %%\ng()\n').at(2), r'01-some\.ts:8$')


class Refusals(unittest.TestCase):
    def refused(self, source: str, why: str) -> None:
        with self.assertRaisesRegex(LabError, why):
            lab(source)

    def test_each_mistake_names_its_line(self) -> None:
        self.refused('// %%\nf()\n// BEGIN SOLUTION\ng()\n', r'01-some\.ts:3: BEGIN SOLUTION without END SOLUTION')
        self.refused('// %%\nf()\n// END SOLUTION\n', r'01-some\.ts:3: `END SOLUTION` is out of place')
        self.refused('// %%\nf()\n// STUDENT: g()\n', r'01-some\.ts:3: `STUDENT:` is out of place')
        self.refused('// %%\nf() // BEGIN SOLUTION\n', r'01-some\.ts:2: `BEGIN SOLUTION` is out of place')
        self.refused('// %%\n// BEGIN SOLUTION\n// BEGIN SOLUTION\n// END SOLUTION\n', r'01-some\.ts:3: `BEGIN SOLUTION` is out of place')
        self.refused('// %%\n// BEGIN SOLUTION\ng()\n// END SOLUTION\n', r'01-some\.ts:2: a solution outside a function')

    def test_todo_must_be_imported(self) -> None:
        self.refused(EXERCISE, r'call todo\(\): add it to the imports')

    def test_a_cell_fits_on_a_screen(self) -> None:
        self.refused('// %%\n' + 'f()\n' * 16, r'01-some\.ts:2: the cell has 16 lines; at most 15')
        self.refused('// %%\nfor await (const m of run()) console.log(m)\n', r'01-some\.ts:2: .*for await.*await ready\(\)')

    def test_text_before_the_first_cell(self) -> None:
        self.refused('f()\n// %%\ng()\n', 'every cell begins with a line')

    def test_nothing_to_run(self) -> None:
        self.refused('// %% [markdown]\n// text\n', 'one at least holds code')


if __name__ == '__main__':
    unittest.main()

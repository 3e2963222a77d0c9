"""What an executed notebook must satisfy, and how it is made ready to be committed."""
import base64
import struct
import unittest

from figures import PLOTLY, gaps, plain
from normalise import normalised
from notebook import ROOT, label, nbformat
from rules import exercise_problems, problems, score, student_problems

v4 = nbformat.v4
stream = lambda text, name='stdout': v4.new_output('stream', name=name, text=text)
display = lambda metadata=None, **data: v4.new_output('display_data', {key.replace('_', '/', 1): value for key, value in data.items()}, metadata=metadata or {})


def cell(source: str = 'f()', *outputs, count: int | None = 1, **metadata) -> nbformat.NotebookNode:
    return v4.new_code_cell(source, outputs=list(outputs), execution_count=count, metadata=metadata)


def of(*cells: nbformat.NotebookNode) -> nbformat.NotebookNode:
    return v4.new_notebook(cells=list(cells))


def said(*cells: nbformat.NotebookNode) -> list[str]:
    return [sentence for _, sentence in problems(of(*cells))]


class Rules(unittest.TestCase):
    def test_cells_are_counted_as_jupyter_does(self) -> None:
        notebook = of(v4.new_markdown_cell('text'), cell(''), cell('f()'), cell('g()'))
        self.assertEqual(label(notebook, 3), 'cell [2]')

    def test_an_unexecuted_cell(self) -> None:
        self.assertEqual(said(cell(), cell('g()', count=None), cell('', count=None)), ['cell [2]: was not executed'])

    def test_promises(self) -> None:
        figure = v4.new_output('display_data', {PLOTLY: {'data': []}, 'image/png': 'AAAA', 'text/plain': 'Figure'})
        self.assertEqual(said(cell('f()', figure, display(text_html='<table></table>'), stream('a'), promises=['figure', 'table', 'text'])), [])
        self.assertEqual(len(said(cell('f()', v4.new_output('display_data', {PLOTLY: {'data': []}}), display(text_html='<p>'), stream(' \n'), promises=['figure', 'table', 'text']))), 3)
        self.assertRegex(said(cell('f()', promises=['picture']))[0], 'promises "picture", which is none of figure, table, text')

    def test_folders_of_this_machine(self) -> None:
        self.assertRegex(said(cell('f()', stream(f'at {ROOT}/lib/x.ts\n')))[0], 'shows a folder of this machine')
        self.assertEqual(said(cell('f()', stream('at lib/x.ts\n'), display({'volatile': 'x'}, text_plain=f'{ROOT}/lib'))), [])

    def test_gaps_in_series(self) -> None:
        def found(**trace: object) -> list[str]:
            return list(gaps({'data': [trace]}))
        self.assertEqual(found(y=[1, 2], x=['a', 'b'], text=[None]), [])
        self.assertRegex(found(name='loss', y=[1, None])[0], r'^"loss" plots NaN \(null in the notebook\) at y\[1\]')
        self.assertRegex(found(y=['NaN'])[0], r'"trace 1" plots NaN at y\[0\]')
        self.assertRegex(found(z=[[1, 2], [3, None]])[0], r'at z\[1\]')
        self.assertRegex(found(y=[1], error_y={'array': [None]})[0], r'at error_y\.array\[0\]')
        self.assertEqual(found(y=[1, None], connectgaps=True) + found(y=[1, None], meta={'allowGaps': True}), [])
        packed = {'dtype': 'f8', 'bdata': base64.b64encode(struct.pack('=3d', 1, float('nan'), 3)).decode()}
        self.assertEqual(plain(packed)[::2], [1, 3])
        self.assertRegex(found(y=packed)[0], r'plots nan at y\[1\]')

    def test_exercises(self) -> None:
        def verdict(line: str) -> nbformat.NotebookNode:
            return of(cell("const f = check('2.1', g, h, [[1]], { hint: '' })", display(text_plain=line)))
        self.assertEqual(list(exercise_problems(verdict('○ 2.1 not solved yet. Hint: x'), 'student')), [])
        self.assertEqual(list(exercise_problems(verdict('✓ 2.1 solved: all 2 cases agree.'), 'solution')), [])
        self.assertRegex(next(exercise_problems(verdict('✗ 2.1 not right yet: …'), 'solution')), 'the solution of exercise 2.1 does not pass its check')
        self.assertRegex(next(exercise_problems(verdict('✓ 2.1 solved: …'), 'student')), 'exercise 2.1 passes its check before the student has done anything')

    def test_solutions_given_away(self) -> None:
        blocks = {0: ['  const y = x\n  return y + y']}
        self.assertEqual(list(student_problems(of(cell('f'), cell('const y = x')), blocks)), [])
        self.assertRegex(next(student_problems(of(cell('f'), cell('const y=x\nreturn y + y')), blocks)), r'cell \[2\]: gives the solution of cell \[1\] away')

    def test_the_last_score_counts(self) -> None:
        shown = [v4.new_output('display_data', {'application/vnd.rlhf-labs.score+json': {'solved': n, 'of': 2}}) for n in (0, 1)]
        self.assertEqual(score(of(cell('score()', *shown))), {'solved': 1, 'of': 2})
        self.assertIsNone(score(of(cell())))


class Normalised(unittest.TestCase):
    def test_the_same_bytes_whenever_and_wherever(self) -> None:
        template = of(v4.new_markdown_cell('text'), cell('f()', count=None), cell('', count=None), cell('g()', count=None))
        ran = of(v4.new_markdown_cell('text'),
                 cell('f()', stream('a'), stream('b\n'), stream('c', 'stderr'),
                      display({'volatile': 'n ms'}, text_plain='17 ms', text_html='<b>17 ms</b>'), stream('d'), count=7, execution={'when': 'now'}),
                 cell('', count=None), cell('g()', v4.new_output('execute_result', {'text/plain': '1'}, execution_count=9), count=9))
        made = normalised(ran, template)
        self.assertEqual([c.execution_count for c in made.cells if c.cell_type == 'code'], [1, None, 2])
        self.assertEqual([o.get('text') for o in made.cells[1].outputs], ['ab\n', 'c', None, 'd'])
        self.assertEqual(dict(made.cells[1].outputs[2].data), {'text/plain': 'n ms'})
        self.assertEqual(made.cells[3].outputs[0].execution_count, 2)
        self.assertEqual(made.cells[1].metadata, {})
        self.assertEqual(normalised(made, template), made)


if __name__ == '__main__':
    unittest.main()

"""The rubric: which exercises prove a line, how a line stands, and that no exercise of the course is forgotten."""
import json
import unittest
from unittest import mock

import score
from notebook import ROOT, NotebookNode, nbformat
from score import Exercise, Student, catalogue, lines, missing, prepared, proves, standing, titles, unplaced

v4 = nbformat.v4


def exercise(id: str, state: str = score.UNTOUCHED, lab: str = '02-bradley-terry') -> Exercise:
    return Exercise(id, lab, 'foundational', state=state)


class Rubric(unittest.TestCase):
    def test_every_exercise_of_the_course_proves_a_line_and_every_pattern_is_met(self) -> None:
        exercises = [e for _, listed in catalogue(ROOT / 'notebooks').values() for e in listed]
        self.assertGreater(len(exercises), 50)
        self.assertEqual([e.id for e in unplaced(exercises)], [], 'name it in tools/labs/rubric.json')
        here = {e.lab.split('-')[0] for e in exercises}
        for line in lines():
            for pattern in line['exercises']:
                if f'{int(pattern.split(".")[0]):02d}' in here:
                    self.assertTrue(any(proves(e.id, [pattern]) for e in exercises), f'{line["can"]}: no exercise {pattern}')
        self.assertEqual([e.id for e in exercises if not e.title], [], 'a heading or a sentence above an exercise says what it asks')

    def test_how_a_line_stands(self) -> None:
        for states, expected in (([], 'no exercise yet'), (['solved'], 'proved'), (['solved', 'not attempted'], 'proved in part'), (['solved', 'wrong'], 'proved in part'),
                                 (['wrong', 'not attempted'], 'not proved'), (['not reached'], 'not proved'), (['not attempted', 'not handed in'], 'not attempted')):
            self.assertEqual(standing([exercise('2.1', state) for state in states], []), expected, states)
        self.assertEqual(standing([exercise('2.1', 'solved')], ['14']), 'proved in part')

    def test_a_lab_that_is_not_there_is_named(self) -> None:
        rubric = [{'level': 'advanced', 'can': 'all', 'exercises': ['2.*', '14.*', '8.1']}]
        student = Student('ann', {}, [exercise('2.1', 'solved')])
        with mock.patch.object(score, 'lines', lambda: rubric):
            line, = student.rubric()
        self.assertEqual((line['solved'], line['of'], line['state'], line['missing']), (1, 1, 'proved in part', ['08', '14']))
        self.assertEqual(missing(['2.*'], [exercise('2.1')]), [])
        json.dumps(line['missing'])

    def test_a_cell_with_two_checks_is_not_attempted_for_both(self) -> None:
        def notebook(answer: str) -> NotebookNode:
            mark = {'schema_version': 3, 'task': False}
            return v4.new_notebook(cells=[
                v4.new_markdown_cell('## Part\n\ntext\n\n### Exercise 2.1\nWrite **both**.\n\nMore.'),
                v4.new_code_cell(answer, metadata={'nbgrader': {**mark, 'solution': True, 'grade': False, 'locked': False, 'grade_id': 'solution-2-1a'}}),
                v4.new_code_cell("check('2.1a', f)\ncheck('2.1b', g)", metadata={'nbgrader': {**mark, 'solution': False, 'grade': True, 'locked': True, 'grade_id': 'check-2-1a', 'points': 2}}),
            ])
        released, listed = notebook('todo()'), [exercise('2.1a', score.ABSENT), exercise('2.1b', score.ABSENT)]
        self.assertFalse(prepared(notebook('todo()'), released, listed), 'nothing to execute')
        self.assertEqual({e.state for e in listed}, {score.UNTOUCHED})
        self.assertTrue(prepared(notebook('f = 1'), released, listed))
        self.assertEqual({e.state for e in listed}, {score.UNREACHED})
        self.assertEqual(titles(released), {'2.1a': 'Write both.', '2.1b': 'Write both.'})


if __name__ == '__main__':
    unittest.main()

"""The table of claims over seeds: what is read off a notebook, and when a table is no longer the notebook's."""
import json
import tempfile
import unittest
from pathlib import Path

from notebook import LabError, NotebookNode, nbformat
from seeds import held, parsed, stale, write_table

v4 = nbformat.v4


def lab(*claims: str, sampled: bool = False) -> NotebookNode:
    return v4.new_notebook(cells=[v4.new_code_cell(f'claim({n})', outputs=[v4.new_output('display_data', {'text/plain': text})], metadata={'sampled': True} if sampled else {})
                                  for n, text in enumerate(claims)])


class Claims(unittest.TestCase):
    def test_what_a_notebook_claims(self) -> None:
        notebook = lab('✓ up (slope 0.5)', '✓ 2.1 solved: all 2 cases agree.', 'text', '✓ f(x) (of g(x) 3, at 2)')
        self.assertEqual(list(held(notebook)), [(0, ('up', 'slope 0.5')), (3, ('f(x)', 'of g(x) 3, at 2'))])

    def test_figures_whose_names_hold_commas_and_numbers(self) -> None:
        self.assertEqual(parsed('margin, plain 0.5, with margins -1.2e-7'), [('margin, plain', '0.5'), ('with margins', '-1.2e-7')])
        self.assertEqual(parsed('clear, 3,200 pairs 0.98, at n = 16 2'), [('clear, 3,200 pairs', '0.98'), ('at n = 16', '2')])
        self.assertEqual(parsed('holds true, top KC BUF'), [('holds', 'true'), ('top KC BUF', '')])


class Table(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / 'seeds' / '17-lab.json'
        self.addCleanup(self.folder.cleanup)

    def write(self, *runs: list[tuple[str, str]]) -> None:
        write_table(self.path, list(runs))

    def test_is_written_by_claim_figure_and_seed(self) -> None:
        self.write([('up', 'slope 0.5, r 1')], [('up', 'slope 0.25, r 2')])
        self.assertEqual(json.loads(self.path.read_text()), {'seeds': [0, 1], 'claims': [
            {'statement': 'up', 'figures': [{'name': 'slope', 'values': ['0.5', '0.25']}, {'name': 'r', 'values': ['1', '2']}]}]})

    def test_figures_that_are_named_otherwise_under_another_seed_stand_whole(self) -> None:
        self.write([('up', 'top A 1')], [('up', 'top B 2')])
        self.assertEqual(json.loads(self.path.read_text())['claims'][0]['figures'], [{'name': '', 'values': ['top A 1', 'top B 2']}])
        self.assertIsNone(stale(self.path, lab('✓ up (top A 1)'), 1e-3))
        self.assertIn('says  top A 1 under seed 0, the notebook top C 1', stale(self.path, lab('✓ up (top C 1)'), 1e-3))

    def test_is_not_written_where_seeds_claim_different_numbers_of_things(self) -> None:
        self.write([('up', 'a 1')], [])
        self.assertFalse(self.path.exists())

    def test_is_stale_when_the_notebook_claims_something_else(self) -> None:
        self.assertIsNone(stale(self.path, lab('✓ up (slope 0.5)'), 1e-3), 'there is none')
        self.write([('up by 3 points', 'slope 0.5')], [('up by 4 points', 'slope 0.25')])
        self.assertIsNone(stale(self.path, lab('✓ up by 3 points (slope 0.5)'), 1e-3))
        self.assertIsNone(stale(self.path, lab('✓ up by 3 points (slope 0.5002)'), 1e-3), 'another processor rounds otherwise')
        self.assertIn('says slope 0.5 under seed 0, the notebook 0.6', stale(self.path, lab('✓ up by 3 points (slope 0.6)'), 1e-3))
        self.assertIsNone(stale(self.path, lab('✓ up by 5 points (slope 0.6)', sampled=True), 1e-3), 'what is sampled has other figures elsewhere')
        self.assertIn('says "up by 3 points" of slope; the notebook says "down" of slope', stale(self.path, lab('✓ down (slope 0.5)', sampled=True), 1e-3))
        self.assertIn('of slope; the notebook says "up by 3 points" of tilt', stale(self.path, lab('✓ up by 3 points (tilt 0.5)'), 1e-3))
        self.assertIn('has 1 claims, the notebook 2', stale(self.path, lab('✓ up by 3 points (slope 0.5)', '✓ more (a 1)'), 1e-3))

    def test_a_file_that_is_no_table(self) -> None:
        self.path.parent.mkdir()
        for text in ('{', '{"claims": [{}]}', '[]'):
            self.path.write_text(text)
            with self.assertRaisesRegex(LabError, 'is not a table that seeds writes'):
                stale(self.path, lab(), 1e-3)


if __name__ == '__main__':
    unittest.main()

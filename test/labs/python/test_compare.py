"""Which differences between a committed output and a re-run count."""
import unittest

from compare import json_differences, output_differences, same_text
from figures import PLOTLY
from notebook import NotebookNode, nbformat

v4 = nbformat.v4


def differences(old: list, new: list, tolerance: float = 1e-3) -> list[str]:
    notebooks = [v4.new_notebook(cells=[v4.new_code_cell('f()', outputs=outputs)]) for outputs in (old, new)]
    return list(output_differences(*notebooks, tolerance))


class Text(unittest.TestCase):
    def same(self, old: str, new: str) -> None:
        self.assertTrue(same_text(old, new, 1e-3), f'{old} | {new}')

    def other(self, old: str, new: str) -> None:
        self.assertFalse(same_text(old, new, 1e-3), f'{old} | {new}')

    def test_last_digits_do_not_count(self) -> None:
        self.same('loss 0.64436 kl 1.2e-5', 'loss 0.64437 kl 1.3e-5')
        self.same('loss 12345.6', 'loss 12346.1')
        self.same('81.8 %', '81.9 %')      # 81.849 and 81.851
        self.same('−0.201', '-0.202')
        self.same('|  0.5 |', '| 0.50 |')
        self.same('noise 3.1e-8', 'noise -2.2e-9')

    def test_numbers_that_differ_count(self) -> None:
        self.other('0.201', '0.203')
        self.other('81.8 %', '82.1 %')
        self.other('12 pairs', '13 pairs')  # whole numbers are exact
        self.other('-0.5', '0.5')
        self.other('1e-3', '1e-2')

    def test_words_count(self) -> None:
        self.other('solved in 3 steps', 'failed in 3 steps')
        self.other('value 1', 'value NaN')
        self.other('1 2', '1 2 3')


class Figures(unittest.TestCase):
    def test_a_number_is_measured_against_its_series(self) -> None:
        self.assertEqual(list(json_differences({'y': [1.0, 1e-4]}, {'y': [1.0, 3e-4]}, 1e-3, '')), [])
        self.assertEqual(list(json_differences({'y': [1.0, 0.5]}, {'y': [1.0, 0.6]}, 1e-3, '')), ['y[1]: 0.5 is committed, a re-run gives 0.6'])

    def test_shape_and_names_count(self) -> None:
        self.assertRegex(next(json_differences({'y': [1, 2]}, {'y': [1]}, 1e-3, '')), r'^y: \[1, 2\] is committed')
        self.assertRegex(next(json_differences({'name': 'a'}, {'name': 'b'}, 1e-3, '')), "name: 'a' is committed, a re-run gives 'b'")
        self.assertTrue(list(json_differences({'a': 1}, {'b': 1}, 1e-3, '')))
        self.assertTrue(list(json_differences({'a': True}, {'a': 1}, 1e-3, '')))
        self.assertTrue(list(json_differences({'a': None}, {'a': 0}, 1e-3, '')))


class Outputs(unittest.TestCase):
    def test_a_line_is_shown_from_both_sides(self) -> None:
        old, new = v4.new_output('stream', text='a\nloss 1.00\n'), v4.new_output('stream', text='a\nloss 2.00\n')
        self.assertEqual(differences([old], [new]), ['cell [1], output 1: stdout, line 2:\n  - loss 1.00\n  + loss 2.00'])

    def test_the_kinds_count_and_pixels_do_not(self) -> None:
        png, other = ({'image/png': data, 'text/plain': 'Figure'} for data in ('AAAA', 'BBBB'))
        show = lambda data: v4.new_output('display_data', data)
        self.assertEqual(differences([show(png)], [show(other)]), [])
        self.assertRegex(differences([show(png)], [show({'text/plain': 'Figure'})])[0], r'image/png \+ text/plain is committed, a re-run shows display_data text/plain')
        self.assertRegex(differences([show(png)], [])[0], '1 outputs are committed, a re-run shows 0')

    def test_a_tolerance_can_be_given(self) -> None:
        old, new = v4.new_output('stream', text='1.000\n'), v4.new_output('stream', text='1.050\n')
        self.assertTrue(differences([old], [new]))
        self.assertFalse(differences([old], [new], 0.1))

    def test_a_sampled_cell_keeps_its_outline_and_not_its_numbers(self) -> None:
        def sampled(*outputs: dict) -> NotebookNode:
            return v4.new_notebook(cells=[v4.new_code_cell('f()', metadata={'sampled': True}, outputs=list(outputs))])

        def figure(x: list, name: str = 'KL 0.1', axis: str = 'step') -> NotebookNode:
            return v4.new_output('display_data', {PLOTLY: {'data': [{'type': 'scatter', 'name': name, 'x': x}], 'layout': {'xaxis': {'title': {'text': axis}}}}})

        def table(rows: str, head: str = 'gold') -> NotebookNode:
            return v4.new_output('display_data', {'text/html': f'<table><tr><th style="a">{head}</th></tr>{rows}</table>'})
        row = '<tr><td>{}</td></tr>'
        for old, new, same in [
            (figure([1, 2]), figure([3, 4, 5], 'KL 0.2'), True), (figure([1]), figure([1], 'gold 0.1'), False), (figure([1]), figure([1], axis='epoch'), False),
            (table(row.format(1)), table(row.format(2)), True), (table(row.format(1)), table(2 * row.format(1)), False), (table(row.format(1)), table(row.format(1), 'KL'), False),
            (v4.new_output('stream', text='gold 1.00'), v4.new_output('stream', text='gold 2.00'), True),
            (v4.new_output('stream', text='gold 1.00'), v4.new_output('display_data', {'text/plain': 'gold 1.00'}), False),
        ]:
            self.assertEqual(list(output_differences(sampled(old), sampled(new), 1e-3)) == [], same, f'{old} | {new}')


if __name__ == '__main__':
    unittest.main()

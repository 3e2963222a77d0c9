"""What score leaves behind: a CSV file of all, an HTML page a student, a table on the terminal."""
from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from notebook import shown, write_text

PAGE = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True)
NOT_CLOSED = {'network': 'notebooks could reach the network', 'files': 'notebooks could write outside their copy', 'processes': 'notebooks could end other processes'}


def warnings(closed: dict[str, bool]) -> list[str]:
    """What this system could not close off."""
    return [f'Not closed off on this system: {text}.' for name, text in NOT_CLOSED.items() if not closed.get(name)]


def page_name(name: str) -> str:
    return re.sub(r'[^A-Za-z0-9._-]+', '-', name).strip('.-') or 'student'


def write_cards(folder: Path, students: list[Any], closed: dict[str, bool]) -> None:
    """scores.csv, scores.json and one page for each student; no two alike in name."""
    labs = list(dict.fromkeys(exercise.lab for student in students for exercise in student.exercises))
    text = io.StringIO()
    rows = csv.writer(text, lineterminator='\n')
    rows.writerow(['student', 'solved', 'of', 'wrong', 'not attempted', 'not reached', 'not handed in', *labs, 'notes'])
    template, taken = PAGE.get_template('score.html.j2'), set()
    for student in students:
        states = [exercise.state for exercise in student.exercises]
        each = [student.solved([e for e in student.exercises if e.lab == lab]) if lab in student.files else '' for lab in labs]
        # a spreadsheet takes what begins with these signs for a formula
        name = f"'{student.name}" if student.name[:1] in '=+-@' else student.name
        rows.writerow([name, student.solved(), len(states), *(states.count(state) for state in ('wrong', 'not attempted', 'not reached', 'not handed in')), *each, '; '.join(student.notes)])
        page = page_name(student.name)
        while page in taken:
            page += '-'
        taken.add(page)
        write_text(folder / f'{page}.html', template.render(student=student, labs=labs, rubric=student.rubric(), waits=waits, warnings=warnings(closed)))
    write_text(folder / 'scores.csv', text.getvalue())
    write_text(folder / 'scores.json', json.dumps({'warnings': warnings(closed), 'students': [as_json(student) for student in students]}, indent=1) + '\n')


def as_json(student: Any) -> dict[str, Any]:
    rubric = [{**line, 'exercises': [asdict(exercise) for exercise in line['exercises']]} for line in student.rubric()]
    return {'name': student.name, 'solved': student.solved(), 'of': len(student.exercises), 'notes': student.notes, 'exercises': [asdict(e) for e in student.exercises], 'rubric': rubric}


def waits(line: dict[str, Any]) -> str:
    """The labs that a line of the rubric waits for, in words."""
    return f'lab{"s" if len(line["missing"]) > 1 else ""} {", ".join(line["missing"])} not in this clone' if line['missing'] else ''


def print_scores(students: list[Any], closed: dict[str, bool], folder: Path) -> None:
    """A line a student; for one student alone the rubric's lines too."""
    width = max([len(student.name) for student in students] + [7])
    print(f'\n{"student":{width}}  solved  wrong  not attempted  not reached  not handed in')
    for student in students:
        count = [student.solved(), *(sum(e.state == state for e in student.exercises) for state in ('wrong', 'not attempted', 'not reached', 'not handed in'))]
        print(f'{student.name:{width}}  {count[0]:2d}/{len(student.exercises):<3d}  {count[1]:5d}  {count[2]:13d}  {count[3]:11d}  {count[4]:13d}')
    if len(students) == 1:
        print()
        for line in students[0].rubric():
            print(f'{line["level"]:13} {line["solved"]}/{line["of"]}  {line["can"]}: {line["state"]}')
            for state in dict.fromkeys(e.state for e in line['exercises']):
                print(f'{"":19}{state}: {", ".join(e.id for e in line["exercises"] if e.state == state)}')
            if line['missing']:
                print(f'{"":19}{waits(line)}')
    for student in students:
        for note in student.notes:
            print(f'{student.name}: {note}')
    print('\n'.join(['', *warnings(closed), f'wrote {shown(folder)}/scores.csv and a page for each student']))

"""score: executes students' notebooks, confined, and says of each exercise and each line of the rubric how it stands."""
from __future__ import annotations

import json
import re
import tempfile
from argparse import Namespace
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import sandbox
from commands import emptied, execute
from grading import checks
from notebook import LabError, NotebookNode, read, shown
from pool import Job, Limits, Outcome
from report import Result
from rules import score as shown_score, verdicts
from scorecard import print_scores, write_cards

RUBRIC = Path(__file__).with_name('rubric.json')
HEADING = re.compile(r'^#+ +(.+)$', re.M)
EXERCISE = re.compile(r'Exercise +\d+(\.\w+)?[:.· ]*|(?<=Find the bug) +\d+(\.\w+)?(?=$|[:.· ])')
TITLE = 110
SOLVED, WRONG, UNTOUCHED, UNREACHED, ABSENT = 'solved', 'wrong', 'not attempted', 'not reached', 'not handed in'


@dataclass
class Exercise:
    """An exercise of a lab and how a student's stands; `why` says more where there is more to say."""
    id: str
    lab: str
    level: str
    title: str = ''
    state: str = ABSENT
    why: str = ''


@dataclass
class Student:
    """A student's notebooks by lab, and what came of them."""
    name: str
    files: dict[str, Path]
    exercises: list[Exercise] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def solved(self, of: list[Exercise] | None = None) -> int:
        return sum(exercise.state == SOLVED for exercise in (self.exercises if of is None else of))

    def rubric(self) -> list[dict[str, Any]]:
        """Each line with the exercises that prove it, how many are solved, how it stands, and the labs it waits for."""
        return [{**line, 'exercises': found, 'solved': self.solved(found), 'of': len(found), 'state': standing(found, absent), 'missing': absent}
                for line in lines() for found in [[e for e in self.exercises if proves(e.id, line['exercises'])]] for absent in [missing(line['exercises'], self.exercises)]]


def lines() -> list[dict[str, Any]]:
    """The rubric: level, what the student can, and patterns of the exercises that prove it."""
    return json.loads(RUBRIC.read_text(encoding='utf-8'))


def proves(id: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(id, pattern) for pattern in patterns)


def standing(exercises: list[Exercise], absent: list[str]) -> str:
    """A line of the rubric is proved by all of its exercises, those of labs that are not here included; what was never tried is not called wrong."""
    states = {exercise.state for exercise in exercises}
    if not states:
        return 'no exercise yet'
    if states == {SOLVED} and not absent:
        return 'proved'
    return 'proved in part' if SOLVED in states else 'not proved' if states & {WRONG, UNREACHED} else 'not attempted'


def missing(patterns: list[str], exercises: list[Exercise]) -> list[str]:
    """Numbers of labs that a line names and this clone does not have."""
    there = {exercise.lab.split('-')[0] for exercise in exercises}
    return sorted({f'{int(pattern.split(".")[0]):02d}' for pattern in patterns} - there)


def unplaced(exercises: list[Exercise]) -> list[Exercise]:
    """Exercises that prove no line, which a lab's author forgot."""
    patterns = [pattern for line in lines() for pattern in line['exercises']]
    return [exercise for exercise in exercises if not proves(exercise.id, patterns)]


def titles(notebook: NotebookNode) -> dict[str, str]:
    """What each exercise asks for: the heading above its check without its number, and the beginning of the paragraph below."""
    found, title = {}, ''
    for cell in notebook.cells:
        if cell.cell_type == 'markdown' and (headings := [*HEADING.finditer(cell.source)]):
            last = headings[-1]
            below = cell.source[last.end():].strip().split('\n\n')[0]
            words = ' '.join(f'{EXERCISE.sub("", last[1])} {below}'.replace('**', '').replace('`', '').split())
            title = words if len(words) <= TITLE else words[:TITLE].rsplit(' ', 1)[0] + ' …'
        elif cell.cell_type == 'code':
            found.update({id: title for id in checks(cell.source)})
    return found


def catalogue(notebooks: Path) -> dict[str, tuple[NotebookNode, list[Exercise]]]:
    """Each lab's notebook as it was handed out, with its exercises as the solution's score lists them."""
    labs = {}
    for path in sorted((notebooks / 'solutions').glob('*.ipynb')):
        found = shown_score(read(path)) or {'exercises': []}
        released = read(notebooks / path.name)
        asked = titles(released)
        labs[path.stem] = (released, [Exercise(e['id'], path.stem, e['level'], asked.get(e['id'], '')) for e in found['exercises']])
    if not labs:
        raise LabError(f'no labs in {shown(notebooks)}')
    return labs


def students(target: Path, labs: dict[str, Any]) -> list[Student]:
    """One student where the target is a notebook or holds notebooks; else one for each folder in it that holds some, at any depth."""
    if target.is_file():
        return [Student(target.parent.resolve().name, collected([target], labs))]
    if not target.is_dir():
        raise LabError(f'{target} is not there')
    if any(target.glob('*.ipynb')):
        return [Student(target.resolve().name, collected(sorted(target.glob('*.ipynb')), labs))]
    found = [Student(folder.name, collected(sorted(file for file in folder.rglob('*.ipynb') if '.ipynb_checkpoints' not in file.parts), labs))
             for folder in sorted(target.iterdir()) if folder.is_dir() and not folder.name.startswith('.')]
    if not any(student.files for student in found):
        raise LabError(f'{target}: no notebook here and none in its folders')
    return found


def collected(files: list[Path], labs: dict[str, Any]) -> dict[str, Path]:
    """The lab that each file hands in: by its name, or by its number."""
    by_number = {name.split('-')[0]: name for name in labs}
    hits = {}
    for file in files:
        name = file.stem if file.stem in labs else by_number.get(file.stem[:2])
        if name:
            hits.setdefault(name, file)
    return hits


def prepared(submitted: NotebookNode, released: NotebookNode, exercises: list[Exercise]) -> bool:
    """Puts locked cells back as they were handed out and marks untouched exercises; whether anything is left to execute."""
    theirs = {key: cell for cell in submitted.cells for key in keys(cell)}
    by_id = {exercise.id: exercise for exercise in exercises}
    untouched: list[bool] = []  # of the solution cells since the last check, which are what the next one checks
    for cell in released.cells:
        mine, marks = next((theirs[key] for key in keys(cell) if key in theirs), None), cell.metadata.get('nbgrader', {})
        if marks.get('locked') and mine is not None:
            mine.source = cell.source
        if marks.get('solution'):
            untouched.append(mine is not None and mine.source.strip() == cell.source.strip())
        ids = checks(cell.source) if cell.cell_type == 'code' else []
        for id in ids:
            if id not in by_id:
                continue
            if untouched and all(untouched):
                by_id[id].state, by_id[id].why = UNTOUCHED, ''
            else:
                by_id[id].state, by_id[id].why = (UNREACHED, 'the notebook did not get that far') if mine is not None else (UNREACHED, 'its check was removed')
        if ids:
            untouched = []
    return any(exercise.state != UNTOUCHED for exercise in exercises)


def keys(cell: NotebookNode) -> list[str]:
    """What a cell is known by: nbgrader's id, which survives copying, and its own."""
    marks = cell.metadata.get('nbgrader')  # a student's file may hold anything there
    return [str(value) for value in (marks.get('grade_id') if isinstance(marks, dict) else None, cell.get('id')) if value]


def judge(student: Student, lab: str, exercises: list[Exercise], outcome: Outcome) -> Result:
    """What the executed notebook shows of each exercise."""
    found = {id: state for cell in outcome.notebook.cells for id, state in verdicts(cell)}
    for exercise in exercises:
        said = found.get(exercise.id)
        if exercise.state != UNTOUCHED and said:
            exercise.state, exercise.why = {'solved': SOLVED, 'not solved yet': UNTOUCHED}.get(said, WRONG), ''
    result = Result(f'{student.name}/{lab}', 'file')
    if failure := outcome.failure:
        where = f'{failure["where"]}: ' if 'where' in failure else ''
        student.notes.append(f'{lab}: {where}{failure["message"]}')
    for exercise in exercises:
        if exercise.state == UNREACHED and failure and exercise.why != 'its check was removed':
            exercise.why = failure['message']
    result.score = {'solved': student.solved(exercises), 'of': len(exercises), 'exercises': []}
    return result


def score(args: Namespace) -> int:
    """Scores one student or a class, writes CSV and HTML, and prints a table."""
    labs = catalogue(args.notebooks)
    found = students(args.path or args.notebooks, labs)
    with tempfile.TemporaryDirectory(prefix='probe-') as folder:
        closed = sandbox.holds(folder)
    jobs, owners = [], {}
    for student in found:
        for lab, (released, listed) in labs.items():
            exercises = [Exercise(e.id, e.lab, e.level, e.title) for e in listed]
            student.exercises += exercises
            if lab not in student.files:
                continue
            try:
                submitted = emptied(read(student.files[lab]))
            except LabError as error:
                student.notes.append(f'{lab}: {error}')
                for exercise in exercises:
                    exercise.state, exercise.why = UNREACHED, 'not a notebook'
                continue
            if prepared(submitted, released, exercises):
                job = Job(f'{student.name}/{lab}', 'file', submitted, args.notebooks.resolve(), {'RLHF_SEED': '0', 'RLHF_SCORING': '1'}, Limits(args.memory << 20, args.seconds))
                owners[id(job)] = (student, lab, exercises)
                jobs.append(job)
    execute(args, jobs, lambda outcome: judge(*owners[id(outcome.job)], outcome))
    write_cards(args.out, found, closed)
    print_scores(found, closed, args.out)
    return 0

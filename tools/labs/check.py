"""check: whether what is committed is what the sources give, now and here."""
from __future__ import annotations

from argparse import Namespace
from itertools import islice
from pathlib import Path

from commands import execute, forms_of, jobs_for, judged, labs_of, path_of
from compare import cell_differences, output_differences
from normalise import normalised
from notebook import LabError, NotebookNode, read, shown, text
from pool import Outcome
from report import Result
from rules import problems, student_problems
from seeds import stale, table_path
from source import FORMS, Lab

SHOWN_DIFFERENCES = 5


def check(args: Namespace) -> list[Result]:
    """Compares committed notebooks with their sources, and those that agree with a re-run."""
    labs = labs_of(args)
    by_name = {lab.path.stem: lab for lab in labs}
    committed: dict[tuple[str, str], NotebookNode] = {}
    results = [] if args.targets else [Result(path.stem, 'file', [f'{shown(path)} has no source in {shown(args.notebooks / "src")}']) for path in strays(args.notebooks)]
    jobs = []
    for job in jobs_for(args, labs, forms_of(args)):
        lab = by_name[job.lab]
        try:
            committed[job.lab, job.form] = notebook = read(path_of(args, lab, job.form))
        except LabError as error:
            results.append(Result(job.lab, job.form, [f'{error}: {remedy(lab)}']))
            continue
        if errors := list(static_errors(notebook, lab, job.form)):
            results.append(Result(job.lab, job.form, [*clipped(errors), remedy(lab)]))
        elif job.form == 'solution' and (old := stale(table_path(args.notebooks, lab), notebook, args.tolerance)):
            results.append(Result(job.lab, job.form, [old, f'npm run labs -- seeds {lab.path.stem.split("-")[0]}']))
        else:
            jobs.append(job)

    def judge(outcome: Outcome) -> Result:
        lab, form = by_name[outcome.job.lab], outcome.job.form
        result = judged(outcome, lab)
        if result.passed:
            rerun = normalised(outcome.notebook, lab.form(form))
            result.errors = clipped(list(output_differences(committed[lab.path.stem, form], rerun, args.tolerance)))
            path = path_of(args, lab, form)
            if args.exact and result.passed and path.read_text(encoding='utf-8') != text(rerun):
                result.errors = [f'{shown(path)} is not byte for byte what a re-run gives: {first_byte_difference(path, text(rerun))}']
            if not result.passed:
                result.errors.append(f'when the new outputs are right: {remedy(lab)}')
        return result
    results += execute(args, jobs, judge) if jobs else []
    return sorted(results, key=lambda result: (result.lab, result.form != FORMS[0]))


def strays(notebooks: Path) -> list[Path]:
    """Notebooks and tables of claims that no source makes."""
    found = [*notebooks.glob('*.ipynb'), *notebooks.glob('solutions/*.ipynb'), *notebooks.glob('seeds/*.json')]
    return [path for path in sorted(found)
            if not (notebooks / 'src' / f'{path.stem}.ts').exists()]


def static_errors(notebook: NotebookNode, lab: Lab, form: str) -> list[str]:
    """What is wrong with a committed notebook before anything runs."""
    errors = [sentence for _, sentence in problems(notebook)]
    if form == 'student':
        errors += student_problems(notebook, lab.blocks)
    errors += cell_differences(notebook, lab.form(form))
    if not errors and text(normalised(notebook, lab.form(form))) != text(notebook):
        errors.append('its execution counts, streams or volatile outputs are not as build leaves them')
    return errors


def remedy(lab: Lab) -> str:
    return f'npm run labs -- build {lab.path.stem.split("-")[0]}'


def clipped(errors: list[str]) -> list[str]:
    rest = len(errors) - SHOWN_DIFFERENCES
    return list(islice(errors, SHOWN_DIFFERENCES)) + ([f'… and {rest} more'] if rest > 0 else [])


def first_byte_difference(path: Path, new: str) -> str:
    old = path.read_text(encoding='utf-8').splitlines()
    for number, (was, now) in enumerate(zip(old, new.splitlines())):
        if was != now:
            return f'line {number + 1}: {was.strip()[:80]} → {now.strip()[:80]}'
    return f'{len(old)} lines, then {len(new.splitlines())}'

"""seeds: whether what a lab claims holds for other seeds than the one its author looked at."""
from __future__ import annotations

import re
from argparse import Namespace

from commands import execute, judged, labs_of
from notebook import NotebookNode, mime_text
from pool import Job, Outcome
from report import Result

# as claim() of rlhf-labs shows a claim that holds, and as it fails
HOLDS = re.compile(r'^✓ (?P<statement>.*) \((?P<figures>[^()]*(?:\([^()]*\)[^()]*)*)\)$')
FAILS = re.compile(r'claim "(?P<statement>.*)" does not hold: (?P<figures>.*?)(?: \[[^\]]*\])?$')


def seeds(args: Namespace) -> list[Result]:
    """Runs each solution with RLHF_SEED = 0 … n−1 and prints every claim with its figures, seed by seed."""
    labs = labs_of(args)
    by_name = {lab.path.stem: lab for lab in labs}
    claims: dict[tuple[str, str], list[tuple[str, str]]] = {}
    jobs = [Job(lab.path.stem, f'seed {seed}', lab.solution, args.notebooks, {'RLHF_SEED': str(seed)}) for lab in labs for seed in range(args.seeds)]

    def judge(outcome: Outcome) -> Result:
        result = judged(outcome, by_name[outcome.job.lab])
        claims[outcome.job.lab, outcome.job.form] = held(outcome.notebook) + [(found['statement'], f'DOES NOT HOLD: {found["figures"]}')
                                                                            for error in result.errors if (found := FAILS.search(error))]
        return result
    results = execute(args, jobs, judge)
    for lab in labs:
        print_claims(lab.path.stem, {form: found for (name, form), found in sorted(claims.items()) if name == lab.path.stem})
    return results


def held(notebook: NotebookNode) -> list[tuple[str, str]]:
    """(statement, figures) of the claims that a notebook shows, in order."""
    lines = [mime_text(output.get('data', {}).get('text/plain', '')) for cell in notebook.cells if cell.cell_type == 'code' and 'claim(' in cell.source for output in cell.outputs]
    return [(found['statement'], found['figures']) for line in lines if (found := HOLDS.match(line))]


def print_claims(lab: str, runs: dict[str, list[tuple[str, str]]]) -> None:
    """A claim is known by its place: its statement may name figures that change with the seed."""
    print(f'\n{lab}')
    count = max(len(found) for found in runs.values())
    if not count:
        print('  claims nothing')
    for place in range(count):
        shown = {form: found[place] for form, found in runs.items() if place < len(found)}
        print(f'  {next(iter(shown.values()))[0]}')
        for form in runs:
            print(f'    {form}  {shown[form][1] if form in shown else "not reached"}')

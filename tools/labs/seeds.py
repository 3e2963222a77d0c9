"""seeds: whether what a lab claims holds for other seeds than the one its author looked at."""
from __future__ import annotations

import json
import re
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from commands import execute, judged, labs_of
from compare import FLOAT32_NOISE, without_numbers
from notebook import LabError, NotebookNode, mime_text, shown, write_text
from pool import Job, Outcome
from report import Result
from source import Lab

SEEDS = 4
# as claim() of rlhf-labs shows a claim that holds, and as it fails
HOLDS = re.compile(r'^✓ (?P<statement>.*) \((?P<figures>[^()]*(?:\([^()]*\)[^()]*)*)\)$')
FAILS = re.compile(r'claim "(?P<statement>.*)" does not hold: (?P<figures>.*?)(?: \[[^\]]*\])?$')
# figures stand as `name value`, commas between them and in some names
FIGURE = re.compile(r'(?P<name>.+?) (?P<value>[-+]?\d[\d.]*(?:e[-+]?\d+)?|true|false)(?:, |$)')

Claim = tuple[str, str]
"""Statement and figures, as shown."""


def seeds(args: Namespace) -> list[Result]:
    """Runs each solution with RLHF_SEED = 0 … n−1, prints every claim with its figures, and writes the table of the labs that held for seeds 0 to 3."""
    labs = labs_of(args)
    by_name = {lab.path.stem: lab for lab in labs}
    claims: dict[tuple[str, str], list[Claim]] = {}
    jobs = [Job(lab.path.stem, f'seed {seed}', lab.solution, args.notebooks, {'RLHF_SEED': str(seed)}) for lab in labs for seed in range(args.seeds)]

    def judge(outcome: Outcome) -> Result:
        result = judged(outcome, by_name[outcome.job.lab])
        claims[outcome.job.lab, outcome.job.form] = [claim for _, claim in held(outcome.notebook)] + [
            (found['statement'], f'DOES NOT HOLD: {found["figures"]}') for error in result.errors if (found := FAILS.search(error))]
        return result
    results = execute(args, jobs, judge)
    for lab in labs:
        name = lab.path.stem
        runs = [claims[name, f'seed {seed}'] for seed in range(args.seeds)]
        print_claims(name, runs)
        if all(result.passed for result in results if result.lab == name) and args.seeds == SEEDS and runs[0]:
            write_table(table_path(args.notebooks, lab), runs)
    return results


def held(notebook: NotebookNode) -> Iterator[tuple[int, Claim]]:
    """(index of the cell, claim) for the claims that a notebook shows, in order."""
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == 'code' and 'claim(' in cell.source:
            for output in cell.outputs:
                if found := HOLDS.match(mime_text(output.get('data', {}).get('text/plain', ''))):
                    yield index, (found['statement'], found['figures'])


def print_claims(lab: str, runs: list[list[Claim]]) -> None:
    """A claim is known by its place: its statement may name figures that change with the seed."""
    print(f'\n{lab}')
    count = max(len(found) for found in runs)
    if not count:
        print('  claims nothing')
    for place in range(count):
        print(f'  {next(found for found in runs if place < len(found))[place][0]}')
        for seed, found in enumerate(runs):
            print(f'    seed {seed}  {found[place][1] if place < len(found) else "not reached"}')


def table_path(notebooks: Path, lab: Lab) -> Path:
    return notebooks / 'seeds' / f'{lab.path.stem}.json'


def parsed(figures: str) -> list[tuple[str, str]]:
    """(name, value as printed) of each figure; what does not end in a number or a truth value stands as a name alone."""
    found, at = [], 0
    while at < len(figures):
        match = FIGURE.match(figures, at)
        if not match:
            found.append((figures[at:], ''))
            break
        found.append((match['name'], match['value']))
        at = match.end()
    return found


def write_table(path: Path, runs: list[list[Claim]]) -> None:
    """Every claim with its figures by seed, for the lab to quote (claimTable of rlhf-labs)."""
    if len({len(found) for found in runs}) > 1:
        print(f'  {shown(path)} is not written: the lab claims more under one seed than under another')
        return
    claims = []
    for places in zip(*runs):
        figures = [parsed(text) for _, text in places]
        names = [name for name, _ in figures[0]]
        alike = all([name for name, _ in of] == names for of in figures)
        rows = [{'name': name, 'values': [of[at][1] for of in figures]} for at, name in enumerate(names)] if alike else [{'name': '', 'values': [text for _, text in places]}]
        claims.append({'statement': places[0][0], 'figures': rows})
    lines = ',\n'.join(f'  {json.dumps(claim, ensure_ascii=False)}' for claim in claims)
    write_text(path, f'{{"seeds": {json.dumps(list(range(len(runs))))}, "claims": [\n{lines}\n]}}\n')
    print(f'  wrote {shown(path)}')


def stale(path: Path, notebook: NotebookNode, tolerance: float) -> str | None:
    """In what a lab's table is not of the claims that its notebook shows; None where it is, or where there is no table."""
    if not path.exists():
        return None
    try:
        table = json.loads(path.read_text(encoding='utf-8'))
        written = [(claim['statement'], [(row['name'], row['values'][0]) for row in claim['figures']]) for claim in table['claims']]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise LabError(f'{shown(path)} is not a table that seeds writes: {error!r}') from None
    shows = list(held(notebook))
    if len(shows) != len(written):
        return f'{shown(path)} has {len(written)} claims, the notebook {len(shows)}'
    for (index, (statement, text)), (was, figures) in zip(shows, written):
        now = parsed(text) if all(name for name, _ in figures) else [('', text)]
        sampled = notebook.cells[index].metadata.get('sampled', False)
        if without_numbers(statement) != without_numbers(was) or [name for name, _ in now] != [name for name, _ in figures]:
            return f'{shown(path)} says "{was}" of {", ".join(name for name, _ in figures)}; the notebook says "{statement}" of {", ".join(name for name, _ in now)}'
        if not sampled and (other := next(((name, a, b) for (name, a), (_, b) in zip(figures, now) if not same_value(a, b, tolerance)), None)):
            return f'{shown(path)} says {other[0]} {other[1]} under seed 0, the notebook {other[2]} ("{statement}")'
    return None


def same_value(old: str, new: str, tolerance: float) -> bool:
    """Figures are printed with four digits, so that two roundings of one value lie within a thousandth."""
    try:
        return old == new or abs(float(old) - float(new)) <= tolerance * max(abs(float(old)), abs(float(new))) + FLOAT32_NOISE
    except ValueError:
        return False

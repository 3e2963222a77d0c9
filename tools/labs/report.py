"""What the person at the terminal sees: which cells run now, a table at the end, and the same as JSON."""
from __future__ import annotations

import asyncio
import json
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from notebook import write_text
from pool import Job

SLOW_SECONDS = 60
QUIET_SECONDS = 30


@dataclass
class Result:
    """One form of one lab: the errors, the first of which stands in the table; `detail` is more to read."""
    lab: str
    form: str
    errors: list[str] = field(default_factory=list)
    detail: str = ''
    seconds: float = 0.0
    peak: int = 0
    score: dict[str, Any] | None = None

    @property
    def passed(self) -> bool:
        return not self.errors

    def record(self) -> dict[str, Any]:
        return {'lab': self.lab, 'form': self.form, 'passed': self.passed, 'errors': self.errors,
                'seconds': round(self.seconds, 1), 'peak_mb': round(self.peak / 1e6), **({'score': self.score} if self.score else {})}


class Progress:
    """On a terminal one line that is written over; elsewhere a line when a lab begins, when it ends, and now and then."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.begun = total, 0, time.monotonic()
        self.running: dict[tuple[str, str], str] = {}
        self.terminal = sys.stderr.isatty()

    def cell(self, job: Job, index: int, of: int) -> None:
        key = (job.lab, job.form)
        if key not in self.running and not self.terminal:
            print(f'  … {job.lab} {job.form}', file=sys.stderr, flush=True)
        self.running[key] = f'{job.lab[:2]} {job.form} {min(index + 1, of)}/{of}'
        self.draw()

    def end(self, result: Result) -> None:
        self.done += 1
        self.running.pop((result.lab, result.form), None)
        self.clear()
        mark = 'ok  ' if result.passed else 'FAIL'
        print(f'{mark} {result.lab} {result.form} ({result.seconds:.1f} s)', file=sys.stderr, flush=True)
        self.draw()

    def line(self) -> str:
        return f'{self.done}/{self.total} done, {time.monotonic() - self.begun:.0f} s · ' + ' · '.join(self.running.values())

    def draw(self) -> None:
        if self.terminal and self.done < self.total:
            sys.stderr.write('\r\x1b[2K' + self.line()[:shutil.get_terminal_size().columns - 1])
            sys.stderr.flush()

    async def tick(self) -> None:
        """Shows that time goes by while a long cell runs."""
        while True:
            await asyncio.sleep(1 if self.terminal else QUIET_SECONDS)
            self.draw()
            if not self.terminal:
                print(f'  … {self.line()}', file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self.terminal:
            sys.stderr.write('\r\x1b[2K')


def print_table(results: list[Result]) -> None:
    """The labs in order, the details of what failed, and how many did."""
    width = max([len(result.lab) for result in results] + [3])
    print(f'\n{"lab":{width}}  form      result  seconds  peak MB  solved  first error')
    for result in results:
        solved = f'{result.score["solved"]}/{result.score["of"]}' if result.score else ''
        first = result.errors[0].splitlines()[0] if result.errors else ''
        print(f'{result.lab:{width}}  {result.form:8}  {"ok" if result.passed else "FAIL":6}  {result.seconds:7.1f}  {result.peak / 1e6:7.0f}  {solved:>6}  {first}'.rstrip())
    print_details(results)
    for result in results:
        if result.seconds > SLOW_SECONDS:
            print(f'warning: {result.lab} {result.form} took {result.seconds:.0f} s; a lab should take at most {SLOW_SECONDS} s')
    print(f'{sum(result.passed for result in results)} passed, {sum(not result.passed for result in results)} failed')


def print_details(results: list[Result]) -> None:
    """Everything about what failed; what failed alike is told once."""
    alike: dict[tuple[str, str], list[str]] = {}
    for result in results:
        if not result.passed:
            alike.setdefault((result.lab, '\n'.join([*result.errors, result.detail]).rstrip()), []).append(result.form)
    for (lab, text), forms in alike.items():
        print(f'\n{lab} {", ".join(forms)}')
        print('\n'.join(f'  {line}'.rstrip() for line in text.splitlines()))


def write_summary(path: Path, results: list[Result]) -> None:
    """{passed, failed, labs: [{lab, form, passed, errors, seconds, peak_mb, score where the lab shows one}]}"""
    passed = sum(result.passed for result in results)
    write_text(path, json.dumps({'passed': passed, 'failed': len(results) - passed, 'labs': [result.record() for result in results]}, indent=1) + '\n')

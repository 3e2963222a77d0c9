"""npm run labs -- [run|build|check|seeds|new|score|course] …: executes the labs and keeps notebooks and sources in step."""
from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from notebook import ROOT, LabError

from report import Result, print_table, write_summary

COMMANDS = {
    'run': 'execute labs from their sources, write nothing (also what runs when no command is named)',
    'build': 'make the student and the solution notebook of each lab',
    'check': 'fail where a committed notebook differs from its source or from a re-run',
    'seeds': 'run the solutions with seeds 0..3 and write what they claim to notebooks/seeds',
    'new': 'write the source of a new lab: new NN-title',
    'score': "execute a student's notebooks, or a class's, confined, and score them: score [PATH]",
    'course': 'write a folder for nbgrader: course FOLDER [NN …]',
}


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog='npm run labs --', description=__doc__)
    commands = top.add_subparsers(dest='command', required=True, metavar='command')
    for name, what in COMMANDS.items():
        sub = commands.add_parser(name, help=what, description=what)
        if name == 'score':
            scoring(sub)
            continue
        sub.add_argument('targets', nargs='*', metavar='NN', help='02, 02-bradley-terry or a path; all labs when there is none')
        sub.add_argument('--notebooks', type=Path, default=ROOT / 'notebooks', help='another folder with src/ and solutions/')
        if name in ('new', 'course'):
            continue
        if name in ('run', 'check'):
            sub.add_argument('--form', choices=['student', 'solution'], help='this form only')
        running(sub)
        sub.add_argument('--summary', type=Path, metavar='FILE.json', help='write the result as JSON as well')
        if name == 'seeds':
            sub.add_argument('--seeds', type=positive, default=4, help='how many seeds, from 0 (default 4)')
        if name == 'check':
            sub.add_argument('--tolerance', type=float, default=1e-3, help='by how much numbers in outputs may differ, relatively (default 1e-3)')
            sub.add_argument('--exact', action='store_true', help='a re-run must give the same bytes')
    return top


def running(sub: argparse.ArgumentParser) -> None:
    sub.add_argument('--jobs', type=positive, help='how many at once (default: as cores and memory allow)')
    sub.add_argument('--timeout', type=positive, default=120, help='seconds a cell may take (default 120)')


def scoring(sub: argparse.ArgumentParser) -> None:
    sub.add_argument('path', nargs='?', type=Path, help="a notebook, a student's folder, or a folder of students' folders (default: notebooks/, your own)")
    sub.add_argument('--notebooks', type=Path, default=ROOT / 'notebooks', help='the labs as handed out')
    sub.add_argument('--out', type=Path, default=Path('scores'), metavar='FOLDER', help='where scores.csv and the pages go (default: scores)')
    sub.add_argument('--memory', type=positive, default=2048, metavar='MB', help='of one notebook (default 2048)')
    sub.add_argument('--seconds', type=positive, default=600, help='of one notebook (default 600)')
    running(sub)


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError('must be 1 or more')
    return number


def command(name: str) -> Callable[[argparse.Namespace], list[Result]]:
    """The command's function, whose module is loaded only when it is wanted."""
    if name == 'check':
        from check import check
        return check
    if name == 'seeds':
        from seeds import seeds
        return seeds
    import commands
    return {'run': commands.run, 'build': commands.build}[name]


def main(words: list[str]) -> int:
    if not words or words[0] not in COMMANDS and words[0] not in ('-h', '--help'):
        words = ['run', *words]
    args = parser().parse_args(words)
    args.notebooks = args.notebooks.resolve()
    try:
        if args.command == 'new':
            from skeleton import new
            return new(args)
        if args.command == 'score':
            from score import score
            return score(args)
        if args.command == 'course':
            from course import course
            return course(args)
        results = command(args.command)(args)
    except LabError as error:
        print(error, file=sys.stderr)
        return 2
    except (asyncio.CancelledError, KeyboardInterrupt):
        print('\nstopped; every kernel was ended', file=sys.stderr)
        return 130
    print_table(results)
    if args.summary:
        write_summary(args.summary, results)
    return 0 if all(result.passed for result in results) else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

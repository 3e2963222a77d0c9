"""run, build and check: what each makes of the labs' sources."""
from __future__ import annotations

import asyncio
import os
import re
import signal
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from notebook import LabError, NotebookNode, read, shown, text, write_text
from pool import Job, Outcome, default_jobs, run_all
from report import Progress, Result
from rules import exercise_problems, problems, score, student_problems
from source import FORMS, Lab, load

NAME = re.compile(r'^\d\d(-[a-z0-9]+)+$')
PARENT_SECONDS = 2


def labs_of(args: Namespace) -> list[Lab]:
    """The sources that the targets name (02, 02-bradley-terry or a path), all of them when there is no target."""
    folder = args.notebooks / 'src'
    if not args.targets:
        paths = sorted(folder.glob('*.ts'))
        if not paths:
            raise LabError(f'no lab in {shown(folder)}')
        for path in paths:
            if not NAME.match(path.stem):
                raise LabError(f'{shown(path)}: a lab is called NN-title.ts, in small letters, digits and hyphens')
        return [load(path) for path in paths]
    return [load(path) for target in args.targets for path in find(folder, target)]


def find(folder: Path, target: str) -> list[Path]:
    if target.endswith('.ts'):
        if not Path(target).is_file():
            raise LabError(f'{target} is not there')
        return [Path(target)]
    paths = sorted(path for path in folder.glob('*.ts') if path.stem == target or path.stem.split('-')[0] == target)
    if not paths:
        raise LabError(f'no lab {target} in {shown(folder)}; there are: {", ".join(path.stem for path in sorted(folder.glob("*.ts"))) or "none"}')
    return paths


def forms_of(args: Namespace) -> list[str]:
    return [args.form] if args.form else list(FORMS)


def path_of(args: Namespace, lab: Lab, form: str) -> Path:
    """Where a form is committed."""
    folder = args.notebooks if form == 'student' else args.notebooks / 'solutions'
    return folder / f'{lab.path.stem}.ipynb'


def jobs_for(args: Namespace, labs: list[Lab], forms: list[str]) -> list[Job]:
    env = {} if args.command == 'run' else {'RLHF_SEED': '0'}  # what is committed was made with the seed a lab has by itself
    return [Job(lab.path.stem, form, lab.form(form), args.notebooks, env) for lab in labs for form in forms]


def execute(args: Namespace, jobs: list[Job], judge: Callable[[Outcome], Result]) -> list[Result]:
    """Runs the jobs and judges each as it ends; Ctrl-C, a signal or the end of the parent ends every kernel."""
    progress = Progress(len(jobs))
    results: dict[int, Result] = {}

    def done(outcome: Outcome) -> None:
        result = judge(outcome)
        result.seconds, result.peak = outcome.seconds, outcome.peak
        results[id(outcome.job)] = result
        progress.end(result)

    async def main() -> None:
        task, loop, stopping = asyncio.current_task(), asyncio.get_running_loop(), asyncio.Event()

        def stop() -> None:
            if task and not stopping.is_set():  # a second Ctrl-C must not cut the ending of the kernels short
                stopping.set()
                task.cancel()
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(name, stop)
        asides = [asyncio.create_task(when_orphaned(stop)), asyncio.create_task(progress.tick())]
        try:
            await run_all(jobs, args.jobs or default_jobs(), args.timeout, progress.cell, done)
        finally:
            for aside in asides:
                aside.cancel()
    asyncio.run(main())
    return [results[id(job)] for job in jobs]


async def when_orphaned(stop: Callable[[], None]) -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(PARENT_SECONDS)
    stop()


def judged(outcome: Outcome, lab: Lab | None) -> Result:
    """The errors of one executed notebook: of its run, or else of the rules."""
    result = Result(outcome.job.lab, outcome.job.form)

    def placed(index: int | None, message: str) -> str:
        return message if index is None or not lab or index >= len(lab.lines) else f'{message} [{lab.at(index)}]'
    if failure := outcome.failure:
        where = f'{failure["where"]}: ' if 'where' in failure else ''
        result.errors.append(placed(failure['index'], f'{where}{failure["message"]}'))
        result.detail = failure['detail']
        return result
    result.score = score(outcome.notebook)
    result.errors += [placed(index, sentence) for index, sentence in problems(outcome.notebook)]
    if lab:
        result.errors += exercise_problems(outcome.notebook, outcome.job.form)
    if lab and outcome.job.form == 'student':
        result.errors += student_problems(outcome.notebook, lab.blocks)
    return result


def run(args: Namespace) -> list[Result]:
    """Executes labs from their sources, or notebooks as they are; writes nothing."""
    files = [target for target in args.targets if target.endswith('.ipynb')]
    args.targets = [target for target in args.targets if not target.endswith('.ipynb')]
    labs = labs_of(args) if args.targets or not files else []
    by_name = {lab.path.stem: lab for lab in labs}
    jobs = jobs_for(args, labs, forms_of(args))
    jobs += [Job(Path(file).stem, 'file', emptied(read(Path(file))), Path(file).resolve().parent) for file in files]
    return execute(args, jobs, lambda outcome: judged(outcome, by_name[outcome.job.lab] if outcome.job.form != 'file' else None))


def emptied(notebook: NotebookNode) -> NotebookNode:
    """The notebook without its outputs, so that nothing that is there from before passes for a result."""
    for cell in notebook.cells:
        if cell.cell_type == 'code':
            cell.outputs, cell.execution_count = [], None
    return notebook


def build(args: Namespace) -> list[Result]:
    """Makes both notebooks of each lab and writes them when both ran without a fault."""
    from normalise import normalised
    labs = labs_of(args)
    by_name = {lab.path.stem: lab for lab in labs}
    ready: dict[tuple[str, str], str] = {}

    def judge(outcome: Outcome) -> Result:
        lab = by_name[outcome.job.lab]
        result = judged(outcome, lab)
        if result.passed:
            ready[lab.path.stem, outcome.job.form] = text(normalised(outcome.notebook, lab.form(outcome.job.form)))
        return result
    results = execute(args, jobs_for(args, labs, list(FORMS)), judge)
    for lab in labs:
        if all((lab.path.stem, form) in ready for form in FORMS):
            for form in FORMS:
                write_text(path_of(args, lab, form), ready[lab.path.stem, form])
                print(f'wrote {shown(path_of(args, lab, form))}')
        else:
            print(f'{lab.path.stem}: not written, since a form of it failed')
    return results

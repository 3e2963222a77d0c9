"""Runs notebooks side by side, each in a worker process of its own, and watches their time and memory."""
from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

import sandbox
from notebook import LabError, NotebookNode, nbformat, read
from processes import end_below, resident

WORKER = Path(__file__).with_name('worker.py')
SAMPLE_SECONDS = 0.25
MEMORY_PER_LAB = 1 << 30
STARTUP_ALLOWANCE = 150
MOST_NOTEBOOK_BYTES = 50 << 20
# what a lab shows must not depend on whose machine it runs on
SETTLED = {'TZ': 'UTC', 'LC_ALL': 'C.UTF-8', 'JUPYTER_PREFER_ENV_PATH': '1'}


@dataclass(frozen=True)
class Limits:
    """What a notebook that nobody has read may use: bytes of memory, seconds in all."""
    memory: int
    seconds: int


@dataclass(frozen=True)
class Job:
    """One notebook to execute, in a folder, with the environment's changes; with limits it is confined (see sandbox.py)."""
    lab: str
    form: str
    notebook: NotebookNode
    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    limits: Limits | None = None


@dataclass
class Outcome:
    """What came of a job; `failure` holds kind, index, where, message and detail, or is None."""
    job: Job
    notebook: NotebookNode
    failure: dict[str, Any] | None
    seconds: float
    peak: int


Progress = Callable[[Job, int, int], None]


def default_jobs() -> int:
    """As many as there are cores, and as fit into the memory that is free."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    return max(1, min(cores, psutil.virtual_memory().available // MEMORY_PER_LAB))


async def run_all(jobs: list[Job], width: int, timeout: int, progress: Progress, done: Callable[[Outcome], None]) -> list[Outcome]:
    """Runs every job, `width` at a time, in order of the list; `done` hears of each as it ends."""
    free = asyncio.Semaphore(width)

    async def one(job: Job) -> Outcome:
        async with free:
            outcome = await run_one(job, timeout, progress)
        done(outcome)
        return outcome
    return list(await asyncio.gather(*map(one, jobs)))


async def run_one(job: Job, timeout: int, progress: Progress) -> Outcome:
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix='lab-') as folder:
        source, target = Path(folder, 'in.ipynb'), Path(folder, 'out.ipynb')
        source.write_text(nbformat.writes(job.notebook), encoding='utf-8')
        with tempfile.TemporaryFile() as log:
            words, env, limits = [sys.executable, str(WORKER), str(source), str(target), str(timeout), str(job.folder)], {}, job.limits
            if limits:
                words, env = sandbox.command(folder, words), sandbox.environment(folder)
            worker = await asyncio.create_subprocess_exec(
                *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log, start_new_session=True,
                limit=1 << 24, env={**{key: value for key, value in os.environ.items() if key != 'FORCE_COLOR'}, **SETTLED, **env, **job.env})
            peaks = [0]
            watch = asyncio.create_task(sample(worker.pid, peaks, limits))
            try:
                end = await asyncio.wait_for(follow(worker, job, timeout, progress), limits.seconds if limits else None)
            except (asyncio.TimeoutError, ValueError) as error:
                end_below(worker.pid, (worker.pid,))
                broke = f'took more than {limits.seconds} s' if limits and isinstance(error, asyncio.TimeoutError) else 'disturbed the runner'
                end = {'failure': {'kind': 'limit', 'index': None, 'message': f'the notebook {broke}', 'detail': ''}, 'peak': 0}
            except BaseException:
                end_below(worker.pid, (worker.pid,))
                raise
            finally:
                watch.cancel()
            await worker.wait()
            if limits and max(peaks) > limits.memory:
                end = {'failure': {'kind': 'limit', 'index': None, 'message': f'the notebook took more than {limits.memory >> 20} MB of memory', 'detail': ''}, 'peak': 0}
            if end is None:
                log.seek(0)
                end = {'failure': {'kind': 'worker', 'index': None, 'message': f'the runner itself failed (exit code {worker.returncode})',
                                   'detail': log.read().decode(errors='replace')[-4000:]}, 'peak': 0}
        executed = result(target, job, end)
    return Outcome(job, executed, end['failure'], time.monotonic() - begun, max(end['peak'], *peaks))


def result(target: Path, job: Job, end: dict[str, Any]) -> NotebookNode:
    """The executed notebook; the unexecuted one where there is none, or what there is may not be read."""
    if not target.exists() or end['failure'] and end['failure']['kind'] == 'limit':
        return job.notebook
    try:
        if job.limits and target.stat().st_size > MOST_NOTEBOOK_BYTES:
            raise LabError(f'the notebook has more than {MOST_NOTEBOOK_BYTES >> 20} MB of output')
        return read(target)
    except LabError as error:
        if not job.limits:
            raise
        end['failure'] = {'kind': 'limit', 'index': None, 'message': str(error), 'detail': ''}
        return job.notebook


async def follow(worker: asyncio.subprocess.Process, job: Job, timeout: int, progress: Progress) -> dict[str, Any] | None:
    """Reads the worker's events to the last one; None when it ended without one, or fell silent and was ended."""
    assert worker.stdout
    while True:
        try:
            line = await asyncio.wait_for(worker.stdout.readline(), timeout + STARTUP_ALLOWANCE)
        except asyncio.TimeoutError:
            end_below(worker.pid, (worker.pid,))
            return None
        if not line:
            return None
        event = json.loads(line)
        if event['event'] == 'end':
            return event
        progress(job, event['index'], event['of'])


async def sample(pid: int, peaks: list[int], limits: Limits | None) -> None:
    """Keeps the highest sum of memory of the kernel and all that it started; ends them where it is too much."""
    while True:
        peaks.append(max(peaks.pop(), resident(pid)))
        if limits and peaks[-1] > limits.memory:
            end_below(pid, (pid,))
        await asyncio.sleep(SAMPLE_SECONDS)

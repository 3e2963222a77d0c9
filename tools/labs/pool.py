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

from notebook import NotebookNode, nbformat, read
from processes import end_below, resident

WORKER = Path(__file__).with_name('worker.py')
SAMPLE_SECONDS = 0.25
MEMORY_PER_LAB = 1 << 30
STARTUP_ALLOWANCE = 150
# what a lab shows must not depend on whose machine it runs on
SETTLED = {'TZ': 'UTC', 'LC_ALL': 'C.UTF-8', 'JUPYTER_PREFER_ENV_PATH': '1'}


@dataclass(frozen=True)
class Job:
    """One notebook to execute, in a folder, with the environment's changes."""
    lab: str
    form: str
    notebook: NotebookNode
    folder: Path
    env: dict[str, str] = field(default_factory=dict)


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
            worker = await asyncio.create_subprocess_exec(
                sys.executable, str(WORKER), str(source), str(target), str(timeout), str(job.folder),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log, start_new_session=True,
                limit=1 << 24, env={**{key: value for key, value in os.environ.items() if key != 'FORCE_COLOR'}, **SETTLED, **job.env})
            peaks = [0]
            watch = asyncio.create_task(sample(worker.pid, peaks))
            try:
                end = await follow(worker, job, timeout, progress)
            except BaseException:
                end_below(worker.pid, (worker.pid,))
                raise
            finally:
                watch.cancel()
            await worker.wait()
            if end is None:
                log.seek(0)
                end = {'failure': {'kind': 'worker', 'index': None, 'message': f'the runner itself failed (exit code {worker.returncode})',
                                   'detail': log.read().decode(errors='replace')[-4000:]}, 'peak': 0}
        executed = read(target) if target.exists() else job.notebook
    return Outcome(job, executed, end['failure'], time.monotonic() - begun, max(end['peak'], *peaks))


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


async def sample(pid: int, peaks: list[int]) -> None:
    """Keeps the highest sum of memory of the kernel and all that it started."""
    while True:
        peaks.append(max(peaks.pop(), resident(pid)))
        await asyncio.sleep(SAMPLE_SECONDS)

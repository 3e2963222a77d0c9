"""Executes one notebook with nbclient, in a process of its own: worker.py IN OUT TIMEOUT FOLDER

Prints a line of JSON for every cell begun and one for the end, on standard output; ends with everything it started
when its standard input closes, so that no kernel outlives the runner however that was ended.
"""
from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, Any

from notebook import KERNEL, NotebookNode, label, nbformat, read

from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from processes import end_below

ANSI = re.compile(r'\x1b\[[0-9;]*[A-Za-z]')
OWN_KERNEL = Path(__file__).resolve().parents[1] / 'kernel/dist/main.js'
STARTUP_SECONDS = 120
# a promise that nobody awaits may be rejected after its cell: one more cell gives it time to be reported
LAST_WORD = 'await new Promise<void>(resolve => setTimeout(resolve, 300))'


def say(event: dict[str, Any]) -> None:
    print(json.dumps(event), flush=True)


class Run:
    """One notebook in one kernel; `failure` stays None when every cell ran to its end."""

    def __init__(self, notebook: NotebookNode, timeout: int, folder: str, log: IO[bytes]) -> None:
        self.notebook, self.timeout, self.folder, self.log = notebook, timeout, folder, log
        self.index = 0
        self.process: Any = None
        self.client = NotebookClient(
            notebook, kernel_name=KERNEL, timeout=timeout, startup_timeout=STARTUP_SECONDS, iopub_timeout=30,
            raise_on_iopub_timeout=True, record_timing=False, store_widget_state=False, shutdown_kernel='immediate',
            on_notebook_start=self.started, on_cell_start=self.begun, on_cell_error=self.raised)
        self.traceback = ''

    def started(self, notebook: NotebookNode) -> None:
        self.process = self.client.km.provisioner.process

    def begun(self, cell: NotebookNode, cell_index: int) -> None:
        self.index = cell_index
        say({'event': 'cell', 'index': cell_index, 'of': len(self.notebook.cells) - 1})

    def raised(self, cell: NotebookNode, cell_index: int, execute_reply: dict[str, Any]) -> None:
        self.traceback = ANSI.sub('', '\n'.join(execute_reply['content'].get('traceback', [])))

    async def execute(self) -> dict[str, Any] | None:
        """What went wrong: kind, the cell's index, a sentence, and more lines to read; None when nothing did."""
        self.notebook.cells.append(nbformat.v4.new_code_cell(LAST_WORD))
        try:
            if foreign := self.foreign_kernel():
                return {'kind': 'start', 'index': None, 'message': foreign, 'detail': ''}
            await self.client.async_execute(cwd=self.folder, stdout=self.log, stderr=self.log)
            return None
        except CellExecutionError as error:
            return self.failed('error', f'{error.ename}: {error.evalue}', self.traceback)
        except CellTimeoutError:
            return self.failed('timeout', f'was not finished after {self.timeout} s (an endless loop? --timeout allows more)')
        except DeadKernelError:
            return self.failed('dead', *self.why_dead())
        except NoSuchKernel:
            return {'kind': 'start', 'index': None, 'message': f'the kernel {KERNEL} is not installed: npm start -- --setup-only', 'detail': ''}
        except (RuntimeError, OSError) as error:
            return {'kind': 'start', 'index': None, 'message': f'the kernel did not start: {error}', 'detail': self.logged()}
        finally:
            self.notebook.cells.pop()
            if self.process:
                end_below(os.getpid(), (self.process.pid,))
                self.process.wait()

    def foreign_kernel(self) -> str | None:
        """tslab as it comes loses errors of promises and callbacks that nobody awaits: a lab that ran there is not known to be sound."""
        argv = self.client.create_kernel_manager().kernel_spec.argv
        if any(Path(word).resolve() == OWN_KERNEL for word in argv):
            return None
        return f'the kernel {KERNEL} is not the one of this project ({" ".join(argv)}): another may lose errors. npm start -- --setup-only installs it; JUPYTER_PATH may hide it'

    def failed(self, kind: str, message: str, detail: str = '') -> dict[str, Any]:
        where = 'after the last cell' if self.index >= len(self.notebook.cells) - 1 else label(self.notebook, self.index)
        return {'kind': kind, 'index': self.index, 'where': where, 'message': message, 'detail': detail}

    def why_dead(self) -> tuple[str, str]:
        """A sentence, and the kernel's last words where they say more."""
        log, code = self.logged(), self.process.poll() if self.process else None
        if 'heap out of memory' in log:
            return 'the kernel ran out of memory (the JavaScript heap is full)', ''
        if code is not None and code < 0:
            return f'the kernel was killed by {signal.Signals(-code).name} (by hand, by the system when memory ran out, or by a crash in native code)', log
        return f'the kernel ended with exit code {code}', log

    def logged(self) -> str:
        self.log.flush()
        self.log.seek(0)
        return ANSI.sub('', self.log.read().decode(errors='replace'))[-4000:]


def end_with_parent(run: Run) -> None:
    """Waits, in a thread, for standard input to close; then nothing of this process may live on."""
    def wait() -> None:
        sys.stdin.buffer.read()
        end_below(os.getpid(), (run.process.pid,) if run.process else ())
        os._exit(1)
    threading.Thread(target=wait, daemon=True).start()


def peak_bytes() -> int:
    """The most memory that a kernel which has ended held at once."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak if sys.platform == 'darwin' else peak * 1024


def main() -> None:
    source, target, timeout, folder = sys.argv[1:]
    with tempfile.TemporaryFile() as log:
        run = Run(read(Path(source)), int(timeout), folder, log)
        end_with_parent(run)
        failure = asyncio.run(run.execute())
    Path(target).write_text(nbformat.writes(run.notebook), encoding='utf-8')
    say({'event': 'end', 'failure': failure, 'peak': peak_bytes()})
    sys.stdout.flush()
    os._exit(0)  # the thread still waits for its input


if __name__ == '__main__':
    main()

"""Process trees: how much memory they hold, and ending them whole."""
from __future__ import annotations

import os
import signal

import psutil


def below(pid: int) -> list[psutil.Process]:
    """Everything a process has started, and what that has started."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def resident(pid: int) -> int:
    """Bytes of memory resident in everything below a process."""
    total = 0
    for process in below(pid):
        try:
            total += process.memory_info().rss
        except psutil.Error:
            pass  # it has just ended
    return total


def end_below(pid: int, groups: tuple[int, ...] = ()) -> None:
    """Kills everything below a process, and the given process groups, whose members may have lost their parent."""
    started = below(pid)
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except OSError:
            pass  # nobody is left in it
    for process in started:
        try:
            process.kill()
        except psutil.Error:
            pass

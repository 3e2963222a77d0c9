"""Runs a command that may be hostile: sandbox.py FOLDER COMMAND …    It can write below FOLDER only.

Linux: namespaces of its own for network (loopback only), processes and mounts, where the system allows them; Landlock limits
reading to the system, this clone and FOLDER, and writing to FOLDER. macOS: sandbox-exec, untried. `sandbox.py --probe FOLDER`
prints as JSON what holds here.
"""
from __future__ import annotations

import ctypes
import fcntl
import json
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NEW_NS, NEW_IPC, NEW_USER, NEW_PID, NEW_NET = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
# what a container or a hardened system forbids is left out, the most first
WISHES = (NEW_USER | NEW_NET | NEW_PID | NEW_NS | NEW_IPC, NEW_NET | NEW_PID | NEW_NS | NEW_IPC, NEW_USER | NEW_NET, NEW_NET, 0)
MOST_PROCESSES, MOST_FILE_BYTES = 512, 1 << 28
SYSTEM = ('/usr', '/lib', '/lib64', '/bin', '/sbin', '/etc', '/proc', '/sys', '/dev', '/opt', '/nix', '/run/systemd/resolve')
READ, WRITE = 0b1101, 0b1_1111_1111_0010  # Landlock: execute, read; write, remove, make
SCOPED = 0b11  # Landlock: abstract sockets, signals
libc = ctypes.CDLL(None, use_errno=True)


def call(result: int, what: str) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f'{what}: {os.strerror(error)}')
    return result


def namespaces() -> int:
    """Leaves as many of the system's namespaces as it may; which ones, as flags."""
    uid, gid = os.getuid(), os.getgid()
    for flags in WISHES:
        try:
            call(libc.unshare(flags), 'unshare')
            if flags & NEW_USER:
                Path('/proc/self/setgroups').write_text('deny')
                Path('/proc/self/uid_map').write_text(f'{uid} {uid} 1')
                Path('/proc/self/gid_map').write_text(f'{gid} {gid} 1')
            return flags
        except OSError:
            if flags and os.getuid() != uid:
                raise  # half inside: nothing may run here
    return 0


def loopback_up() -> None:
    """The kernel and its client talk over 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack('16sh14x', b'lo', 1 | 64))  # SIOCSIFFLAGS: up, running


def mount_proc() -> None:
    """/proc of the new namespace of processes; where it is forbidden, the old one shows processes that cannot be reached."""
    libc.mount(b'none', b'/', None, 0x4000 | 0x40000, None)  # recursively private
    libc.mount(b'proc', b'/proc', b'proc', 0, None)


def landlock_version() -> int:
    return max(0, libc.syscall(444, None, ctypes.c_size_t(0), 1)) if sys.platform == 'linux' else 0


def landlock(folder: str) -> None:
    version = landlock_version()
    if version < 1:
        return
    write = WRITE | (1 << 13 if version >= 2 else 0) | (1 << 14 if version >= 3 else 0)
    attributes = struct.pack('QQQ', READ | write, 0, SCOPED)[:24 if version >= 6 else 8]
    rules = call(libc.syscall(444, attributes, ctypes.c_size_t(len(attributes)), 0), 'landlock_create_ruleset')
    node = shutil.which('node')
    programs = [str(Path(os.path.realpath(program)).parents[1]) for program in (sys.executable, node) if program]
    links = [os.path.realpath(ROOT / link) for link in ('node_modules', '.venv', '.native')]
    readable = {*SYSTEM, str(ROOT), *links, *programs, sys.prefix, sys.base_prefix, folder} - {'/'}
    for path in readable:
        if os.path.exists(path):
            allow(rules, path, READ | (write if path == folder else 0))
    allow(rules, '/dev/null', 0b110)
    call(libc.prctl(38, 1, 0, 0, 0), 'no_new_privs')
    call(libc.syscall(446, rules, 0), 'landlock_restrict_self')
    os.close(rules)


def allow(rules: int, path: str, access: int) -> None:
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    call(libc.syscall(445, rules, 1, struct.pack('=Qi', access, handle), 0), f'landlock_add_rule {path}')
    os.close(handle)


def limit() -> None:
    for what, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, MOST_FILE_BYTES), (resource.RLIMIT_NPROC, MOST_PROCESSES)):
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def confine(folder: str, probe: dict[str, Any] | None = None) -> None:
    """Confines this process for good; where it has a namespace of processes, a child goes on and this one waits for it."""
    if sys.platform != 'linux':
        return
    flags = namespaces()
    if probe is not None:
        probe.update(network=bool(flags & NEW_NET), processes=bool(flags & NEW_PID) or landlock_version() >= 6, files=landlock_version() >= 1)
    if flags & NEW_NET:
        loopback_up()
    if flags & NEW_PID:
        parent = os.getpid()
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            os._exit(os.waitstatus_to_exitcode(status) % 256)
        libc.prctl(1, signal.SIGKILL, 0, 0, 0)  # goes with its parent
        if os.getppid() not in (0, parent):
            os._exit(1)
        mount_proc()
    if flags & NEW_USER:
        limit()  # counted within the namespace; outside one the limit would be the user's, whose other processes count too
    landlock(folder)


def profile(folder: str) -> str:
    """sandbox-exec's, for macOS."""
    real = os.path.realpath(folder)
    return ('(version 1)(allow default)(deny network*)(allow network* (local ip "localhost:*"))(allow network* (remote ip "localhost:*"))'
            f'(deny file-write*)(allow file-write* (subpath "{real}") (literal "/dev/null") (literal "/dev/dtracehelper"))'
            '(deny signal)(allow signal (target same-sandbox))')


def command(folder: str, words: list[str]) -> list[str]:
    """The command that runs `words` confined."""
    if sys.platform == 'darwin' and shutil.which('sandbox-exec'):
        return ['sandbox-exec', '-p', profile(folder), *words]
    return [sys.executable, __file__, folder, *words]


def environment(folder: str) -> dict[str, str]:
    return {'HOME': folder, 'TMPDIR': folder, 'JUPYTER_RUNTIME_DIR': folder, 'PYTHONDONTWRITEBYTECODE': '1'}


def holds(folder: str) -> dict[str, bool]:
    """What is closed off on this system: network, files, processes."""
    if sys.platform == 'darwin':
        closed = bool(shutil.which('sandbox-exec'))
        return {'network': closed, 'files': closed, 'processes': closed}
    said = subprocess.run([sys.executable, __file__, '--probe', folder], capture_output=True, text=True, check=False).stdout
    return json.loads(said) if said.strip() else {'network': False, 'files': False, 'processes': False}


if __name__ == '__main__':
    if sys.argv[1] == '--probe':
        found: dict[str, Any] = {}
        confine(sys.argv[2], found)
        print(json.dumps(found), flush=True)
    else:
        confine(os.path.realpath(sys.argv[1]))
        os.execvp(sys.argv[2], sys.argv[2:])

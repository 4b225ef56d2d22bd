"""The program that looks after the runtime of one environment: a small init for plain processes.

Run by the workbench's own interpreter, once for each environment; it imports nothing of the package
and starts in 15 ms. It starts the runtime, kills it with everything it made, and says how it ended.

On Linux it adopts whatever a runtime leaves behind (PR_SET_CHILD_SUBREAPER), however often that has
detached itself, and a runtime dies with it (PR_SET_PDEATHSIG). Elsewhere only the runtime's process
group is killed.

Nothing but a cgroup limits the memory of processes, and making one takes rights that a person does not
have. So the launcher looks every now and then at what is held, and kills a runtime that holds more than
its function may: what it took meanwhile, a fast one some hundred megabytes, is the price. Linux only.

Orders come as lines of JSON on the socket whose number is the one argument, answers go back the same
way. When the socket ends the workbench is no more, and neither is anything here.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import Any, NoReturn

_libc: Any = None
try:
    import ctypes

    _libc = ctypes.CDLL(None)
except (ImportError, OSError):  # an interpreter without libffi: as on a system without prctl
    pass

FRAMED_FD = 62
"""Where the runtime finds its framed log pipe. Source: recorded `_LAMBDA_TELEMETRY_LOG_FD`."""

_MAX_DESCRIPTORS = 3
_LOOK_MS = 50
"""Between two looks at the memory. Measured: 0.1 ms each for a runtime of one process."""
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int) -> bool:
    """True: the kernel did it."""
    if _libc is None or not sys.platform.startswith("linux"):
        return False
    return bool(_libc.prctl(option, *map(ctypes.c_ulong, (value, 0, 0, 0))) == 0)


class Launcher:
    """The one there is in this process."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._received = b""
        self._descriptors: list[int] = []
        self._runtime = 0
        """Its process id; 0: none runs."""
        self._status: int | None = None
        """How it ended, until everything it left behind is gone too."""
        self._cpu_s = 0.0
        self._peak_kib = 0
        self._memory_bytes: int | None = None
        """What the runtime and all it made may hold; `None`: as much as there is."""
        self._out_of_memory = False
        self._frozen = False
        self._adopts = _prctl(_PR_SET_CHILD_SUBREAPER, 1)

    def run(self) -> None:
        """Obey until the workbench is gone."""
        woken, waker = os.pipe()
        os.set_blocking(waker, False)
        os.set_blocking(woken, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
        self._tell(report="up")
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(woken, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll(_LOOK_MS if self._looks else None):
                if descriptor == woken:
                    os.read(woken, 4096)
                    self._reap()
                elif not self._take_orders():
                    return
            if self._looks:
                self._look()

    def kill_all(self) -> None:
        """SIGKILL to the runtime and all it made, until nothing of it is left."""
        while True:
            self._signal_all(signal.SIGKILL)
            if not self._wait(0):
                return

    def _signal_all(self, number: int) -> None:
        if self._runtime and self._status is None:
            _signal_group(self._runtime, number)
        for pid in descendants(os.getpid()) if self._adopts else ():
            _signal(pid, number)

    # --- memory ------------------------------------------------------------------------------------------

    @property
    def _looks(self) -> bool:
        limited = bool(self._runtime) and self._memory_bytes is not None
        return self._adopts and limited and not self._frozen

    def _look(self) -> None:
        """Kill the runtime if it holds more than it may."""
        limit = self._memory_bytes
        assert limit is not None, "asked before"
        processes = descendants(os.getpid())
        # The second takes milliseconds, and counts pages that forks share once.
        if (
            sum(map(held_bytes, processes)) > limit
            and (own := sum(map(_own_bytes, processes))) > limit
        ):
            self._out_of_memory = True
            self._peak_kib = max(self._peak_kib, own // 1024)
            self._kill_runtime()

    # --- orders ----------------------------------------------------------------------------------------

    def _take_orders(self) -> bool:
        """False: there will be no more."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, 65_536, _MAX_DESCRIPTORS)
        except ConnectionError:
            return False
        if not data:
            return False
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)  # noqa: FBT003 - its only form
        self._descriptors += descriptors
        self._received += data
        *lines, self._received = self._received.split(b"\n")
        for line in lines:
            order = json.loads(line)
            if order["order"] == "start":
                self._start(order)
            elif order["order"] == "kill":
                self._kill_runtime()
            else:
                self._frozen = order["order"] == "freeze"
                self._signal_all(signal.SIGSTOP if self._frozen else signal.SIGCONT)
        return True

    def _tell(self, **report: Any) -> None:
        with suppress(OSError):  # nobody listens: the next read says so
            self._control.sendall(json.dumps(report).encode() + b"\n")

    def _start(self, order: dict[str, Any]) -> None:
        descriptors, self._descriptors = self._descriptors, []
        self._memory_bytes, self._out_of_memory = order["memory_bytes"], False
        self._frozen = False
        failed, failure = os.pipe()
        self._runtime = os.fork()
        if self._runtime == 0:
            _become(order, descriptors, failure)
        for descriptor in (*descriptors, failure):
            os.close(descriptor)
        problem = os.read(failed, 16)
        os.close(failed)
        if problem:
            os.waitpid(self._runtime, 0)
            self._runtime = 0
            self._tell(report="ended", error=int(problem))
        else:
            self._tell(report="started", pid=self._runtime)

    def _kill_runtime(self) -> None:
        if self._runtime:
            self.kill_all()
            self._tell_end()

    # --- ends --------------------------------------------------------------------------------------------

    def _reap(self) -> None:
        while self._wait(os.WNOHANG):
            pass
        if self._status is not None:
            self.kill_all()
            self._tell_end()

    def _wait(self, options: int) -> bool:
        """Take leave of one dead child. False: none is dead, or none is left."""
        try:
            pid, status, used = os.wait4(-1, options)
        except ChildProcessError:
            return False
        if pid == 0:
            return False
        self._cpu_s += used.ru_utime + used.ru_stime
        self._peak_kib = max(self._peak_kib, used.ru_maxrss)
        if pid == self._runtime:
            self._status = status
        return True

    def _tell_end(self) -> None:
        status, self._status = self._status, None
        if status is None:
            return
        self._runtime = 0
        signalled = os.WIFSIGNALED(status)
        # A fork has its parent's pages until it becomes another program; what is no more than
        # ours says nothing about the runtime.
        ours = _peak_kib_of_ours()
        self._tell(
            report="ended",
            code=None if signalled else os.WEXITSTATUS(status),
            signal=os.WTERMSIG(status) if signalled else None,
            core=signalled and os.WCOREDUMP(status),
            cpu_s=self._cpu_s,
            peak_kib=self._peak_kib if self._peak_kib > ours else None,
            out_of_memory=self._out_of_memory,
        )


def _peak_kib_of_ours() -> int:
    """Not from getrusage on Linux: there it is that of the workbench, which this was forked from."""
    own = _kilobytes("/proc/self/status", (b"VmHWM:",))
    return own or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def descendants(pid: int) -> list[int]:
    """Every process below `pid`, parents before children. Linux only."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = _children(waiting.pop())
        found += children
        waiting += children
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - pathlib is slow to import
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123 - likewise
                children += map(int, file.read().split())
    except OSError:
        pass  # it ended meanwhile; its children are its parent's now, or ours
    return children


def held_bytes(pid: int) -> int:
    """What a process holds that is not a file's; 0 for one that is gone. Linux only."""
    return _kilobytes(f"/proc/{pid}/status", (b"RssAnon:", b"RssShmem:")) * 1024


def _own_bytes(pid: int) -> int:
    """The same, of pages that several share its part only. Source: Linux 5.4, smaps_rollup."""
    fields = (b"Pss_Anon:", b"Pss_Shmem:")
    return _kilobytes(f"/proc/{pid}/smaps_rollup", fields) * 1024 or held_bytes(pid)


def _kilobytes(path: str, fields: tuple[bytes, ...]) -> int:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - likewise
            return sum(int(line.split()[1]) for line in file if line.startswith(fields))
    except OSError:
        return 0


def _become(order: dict[str, Any], descriptors: list[int], failure: int) -> NoReturn:
    """In the child: become the runtime. Never returns."""
    error = errno.ENOENT
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # Python's own doing
            signal.signal(ignored, signal.SIG_DFL)
        # The folder it runs in is the function's code: no place for a core file.
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        _offer_to_kernel()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for descriptor, target in zip(descriptors, (1, 2, FRAMED_FD), strict=False):
            os.dup2(descriptor, target)
        os.chdir(order["cwd"])
        os.execvpe(order["argv"][0], order["argv"], order["variables"])  # noqa: S606 - its purpose
    except OSError as problem:
        error = problem.errno or error
    except ValueError:
        error = errno.EINVAL  # a NUL in a variable
    finally:
        os.write(failure, b"%d" % error)
        os._exit(127)


def _offer_to_kernel() -> None:
    """Should this machine run out of memory, it is the function that goes, and not what matters.

    Source: Linux, proc_pid_oom_score_adj(5); anyone may raise their own.
    """
    with suppress(OSError), open("/proc/self/oom_score_adj", "wb") as score:  # noqa: PTH123 - likewise
        score.write(b"1000")


def _signal_group(leader: int, number: int) -> None:
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        _signal(leader, number)


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # dead already, or another user now
        os.kill(pid, number)


def main() -> None:
    """Serve the workbench at the other end of the socket."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)  # its end is the workbench's, whatever a runtime holds open
    launcher = Launcher(control)
    try:
        launcher.run()
    finally:
        launcher.kill_all()


if __name__ == "__main__":
    main()

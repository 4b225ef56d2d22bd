"""How a process ended, in Go's words, because Lambda's messages carry them."""

from __future__ import annotations

import signal

import pytest

from workbench.model.container import RuntimeExit

ENDS = [
    (RuntimeExit(code=0), None),
    (RuntimeExit(code=1), "exit status 1"),
    (RuntimeExit(code=127), "exit status 127"),
    (RuntimeExit(code=255), "exit status 255"),
    (RuntimeExit(code=None, signal=9), "signal: killed"),
    (RuntimeExit(code=None, signal=15), "signal: terminated"),
    (RuntimeExit(code=None, signal=11), "signal: segmentation fault"),
    (
        RuntimeExit(code=None, signal=11, core_dumped=True),
        "signal: segmentation fault (core dumped)",
    ),
    (RuntimeExit(code=None, signal=6, core_dumped=True), "signal: aborted (core dumped)"),
    (RuntimeExit(code=None, signal=10), "signal: user defined signal 1"),
    (RuntimeExit(code=None, signal=31), "signal: bad system call"),
    (RuntimeExit(code=None, signal=34), "signal: signal 34"),
    (RuntimeExit(code=None, signal=64), "signal: signal 64"),
    (RuntimeExit(code=None, signal=-3), "signal: signal -3"),
    (RuntimeExit(code=None, signal=10**9), "signal: signal 1000000000"),
]


@pytest.mark.parametrize(("ended", "reason"), ENDS, ids=[str(reason) for _, reason in ENDS])
def test_reason(ended: RuntimeExit, reason: str | None) -> None:
    assert ended.reason == reason


NOT_DEADLY = {
    signal.SIGCHLD,
    signal.SIGCONT,
    signal.SIGSTOP,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGURG,
    signal.SIGWINCH,
}


@pytest.mark.parametrize("number", sorted(set(range(1, 32)) - NOT_DEADLY))
def test_every_signal_that_ends_a_process_has_a_name(number: int) -> None:
    assert RuntimeExit(code=None, signal=number).reason != f"signal: signal {number}"

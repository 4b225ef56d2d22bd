"""Environments as plain local processes: the driver's contract, and what is its own."""

from __future__ import annotations

import dataclasses
import signal
from contextlib import AbstractAsyncContextManager

import pytest

from tests.integration.conformance.acts import Act
from tests.integration.conformance.container_driver import (
    MEGABYTE,
    ContainerDriverSuite,
    Subject,
    begin,
)
from tests.integration.conformance.witness import Witness
from tests.integration.process_support import process_subject
from workbench.model.container import Figures, RuntimeExit


@pytest.mark.both_loops
class TestProcessDriver(ContainerDriverSuite):
    """See the suite."""

    def subject(self) -> AbstractAsyncContextManager[Subject]:
        return process_subject()


HOGS = Act(
    "hogs",
    """
held = []
while len(held) < 2048:
    held.append(bytearray(b"x") * 1024 * 1024)
call("/full")
""",
)
"""2 GiB, a megabyte at a time; asks /full when it has them."""

CHILD_HOGS = Act(
    "a child hogs",
    f"""
subprocess.run([sys.executable, "-c", {HOGS.source.replace('call("/full")', "")!r}])
call("/full")
""",
)

FORKS_SHARE = Act(
    "forks share",
    """
held = bytearray(b"x") * 90 * 1024 * 1024
children = []
for _ in range(3):
    if (pid := os.fork()) == 0:
        signal.pause()
    children.append(pid)
time.sleep(0.3)
call("/shared")
for pid in children:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
""",
)
"""90 MiB, four times over to who counts carelessly, while the launcher looks several times."""


@pytest.mark.parametrize("act", [HOGS, CHILD_HOGS], ids=lambda act: act.name)
async def test_what_holds_more_memory_than_it_may_is_killed(act: Act) -> None:
    witness = Witness()
    async with process_subject() as subject:
        container = await begin(subject, act, witness)
        ended = await witness.until_exit()
        await container.remove()

    figures = last_figures(witness)
    assert ended == RuntimeExit(code=None, signal=signal.SIGKILL)
    assert figures.oom_kills == 1
    assert (figures.peak_bytes or 0) > 128 * MEGABYTE
    assert "/full" not in witness.asked


async def test_pages_that_forks_share_count_once() -> None:
    witness = Witness()
    async with process_subject() as subject:
        container = await begin(subject, FORKS_SHARE, witness)
        ended = await witness.until_exit()
        await container.remove()

    assert ended == RuntimeExit(code=0)
    assert last_figures(witness).oom_kills == 0
    assert witness.asked == ["/shared"]


async def test_memory_is_unlimited_where_limits_are_off() -> None:
    witness = Witness()
    hogs_a_little = Act("hogs a little", HOGS.source.replace("2048", "256"))
    async with process_subject() as subject:
        spec, start = subject.prepare(hogs_a_little)
        spec = dataclasses.replace(spec, limits=False)
        container = await subject.driver.create(spec, witness, witness.connections)
        container.start_runtime(start)
        ended = await witness.until_exit()
        await container.remove()

    assert ended == RuntimeExit(code=0)
    assert witness.asked == ["/full"]


def last_figures(witness: Witness) -> Figures:
    """What was told at the end."""
    return [each for each in witness.happened if isinstance(each, Figures)][-1]

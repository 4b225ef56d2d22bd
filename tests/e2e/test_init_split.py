"""Where the time of a cold start goes, as real containers and real runtimes show it."""

from __future__ import annotations

import pytest

from tests.e2e.live import Live
from workbench.model.container import LogStream
from workbench.model.invocation import NO_SPLIT

pytestmark = [pytest.mark.docker, pytest.mark.asyncio(loop_scope="module")]

SLOW_TO_IMPORT = {
    "python": {
        "app.py": "import time\ntime.sleep(0.7)\n\ndef handler(event, context):\n    return 1\n"
    },
    "nodejs": {
        "index.mjs": "await new Promise((done) => setTimeout(done, 700));\n"
        "export const handler = async () => 1;\n"
    },
}
OURS = ("python3.11", "python3.13", "nodejs20.x", "nodejs22.x")


@pytest.mark.parametrize("runtime", OURS)
async def test_the_parts_of_a_cold_start_are_measured(live: Live, runtime: str) -> None:
    files = SLOW_TO_IMPORT["python" if runtime.startswith("python") else "nodejs"]
    handler = "app.handler" if runtime.startswith("python") else "index.handler"
    name = await live.add(files, runtime=runtime, handler=handler, memory_mb=1024)

    cold = await live.invoke(name)
    warm = await live.invoke(name)

    measured = cold.record.measurements
    assert measured is not None
    split = measured.split
    assert None not in (split.create_ms, split.start_ms, split.boot_ms, split.import_ms)
    assert (split.import_ms or 0) > 650, "what the module does is its import's"
    assert (split.boot_ms or 0) > 5, "no interpreter is up at once"
    assert (split.boot_ms or 0) + (split.import_ms or 0) == pytest.approx(measured.init_ms, abs=5)
    assert (split.create_ms or 0) + (split.start_ms or 0) == pytest.approx(
        measured.container_ms, abs=5
    )
    assert cold.texts(LogStream.FRAMED) == []
    assert warm.record.measurements is not None
    assert warm.record.measurements.split == NO_SPLIT
    assert live.environments(name)[0].split == split


async def test_a_runtime_of_ones_own_leaves_boot_and_import_one_figure(live: Live) -> None:
    name = await live.actor("provided.al2023")

    done = await live.invoke(name, {"do": "echo", "value": 1})

    assert done.answer == 1
    measured = done.record.measurements
    assert measured is not None
    assert (measured.init_ms or 0) > 0
    assert (measured.split.boot_ms, measured.split.import_ms) == (None, None)
    assert (measured.split.start_ms or 0) > 0

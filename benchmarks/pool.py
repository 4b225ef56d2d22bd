"""Many environments at once: a burst, what idle ones cost, and whether a talkative one disturbs others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.figures import Figure, median, percentile
from benchmarks.http_client import Client, function_path
from benchmarks.load import BODY
from benchmarks.served import Served, write_function
from benchmarks.starts import docker_run

WIDTH = 50
LINES_PER_S = 5000
NAP = """\
import time
def handler(event, context):
    time.sleep(0.5)
    return event
"""
TALK = f"""\
import time
def handler(event, context):
    until = time.monotonic() + 5
    began, lines = time.monotonic(), 0
    while time.monotonic() < until:
        while lines < (time.monotonic() - began) * {LINES_PER_S}:
            print("line", lines, "of a function that has much to say")
            lines += 1
        time.sleep(0.002)
    return lines
"""


def prepare(project: Path) -> None:
    """The functions that are invoked here."""
    for name, source in (("nap", NAP), ("talk", TALK)):
        (write_function(project, name) / "app.py").write_text(source)


def burst(served: Served, image: str) -> list[Figure]:
    """So many calls at once of a function that nobody has invoked yet, until all are answered; against
    as many containers of their own, as many at a time as the workbench starts. And what each of the
    environments then costs the workbench.
    """
    before_mb = resident_mb(served.pid)

    def call(_: int) -> None:
        with Client(served.host, served.port) as client:
            client.timed_post(function_path("nap"), BODY)

    with ThreadPoolExecutor(WIDTH) as callers, ThreadPoolExecutor(4) as runners:
        ours = _took(lambda: list(callers.map(call, range(WIDTH))))
        time.sleep(1.0)
        each_kb = (resident_mb(served.pid) - before_mb) * 1024 / WIDTH
        bare = _took(lambda: list(runners.map(lambda _: docker_run(image), range(WIDTH))))
    return [
        median(
            f"burst of {WIDTH}, until all are answered",
            [ours],
            against=(f"{WIDTH} times docker run", [bare]),
        ),
        median("workbench memory for each environment of it", [each_kb], unit="KB"),
    ]


def streaming(served: Served) -> list[Figure]:
    """How long the workbench takes to refuse a call, which needs its loop and nothing else, while a
    function writes so many lines a second; against the same while nothing happens.
    """
    calm = _refusals(served, seconds=5.0)

    def talk() -> None:
        with Client(served.host, served.port) as client:
            client.timed_post(function_path("talk"), BODY)

    with Client(served.host, served.port) as client:
        client.timed_post(function_path("echo"), BODY)
    talking = threading.Thread(target=talk)
    talking.start()
    time.sleep(0.3)
    busy = _refusals(served, seconds=4.0)
    talking.join()
    name = f"answer of the loop, {LINES_PER_S} log lines/s"
    return [
        median(f"{name}, p50", busy, against=("nothing happens", calm)),
        Figure(
            name=f"{name}, p99",
            unit="ms",
            value=percentile(busy, 0.99),
            low=min(busy),
            high=max(busy),
            runs=len(busy),
            yardstick="nothing happens",
            yardstick_value=percentile(calm, 0.99),
        ),
    ]


def memory(served: Served, echo_pid: int) -> list[Figure]:
    """What the serving process itself holds by now; the yardstick is the bare server's process."""
    name = "workbench memory, after all that"
    against = ("bare aiohttp echo", [resident_mb(echo_pid)])
    return [median(name, [resident_mb(served.pid)], unit="MB", against=against)]


def resident_mb(pid: int) -> float:
    """What a process holds of the machine's memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    held = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(held.split()[1]) / 1024


def _refusals(served: Served, *, seconds: float) -> list[float]:
    """Milliseconds of each, a few hundred a second."""
    path = function_path("nobody")
    found = []
    until = time.perf_counter() + seconds
    with Client(served.host, served.port) as client:
        while time.perf_counter() < until:
            began = time.perf_counter()
            status, _ = client.post(path, BODY)
            found.append((time.perf_counter() - began) * 1000)
            if status != 404:
                raise RuntimeError(f"a function that does not exist answered {status}")
            time.sleep(0.003)
    return found


def _took(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000

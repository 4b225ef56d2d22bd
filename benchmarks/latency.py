"""How long one warm invocation takes, and how many there are in a second."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import starts
from benchmarks.figures import Figure, median, percentile
from benchmarks.http_client import Client, function_path
from benchmarks.load import BODY, per_second
from benchmarks.prototype import AS_IN_OURS, prototype
from benchmarks.served import Served, write_function

CLIENTS = (1, 4, 8, 16)
PROTOTYPE = "bare Runtime API"
SAME_CLIENT = "bare, our client"
ELSEWHERE = {"python3.11": "echo-python311", "nodejs22.x": "echo-nodejs22"}
"""Runtimes, and the echo function of each."""
RUNS = 1000
BLOCK = 50
SECONDS = 4.0


def prepare(project: Path) -> None:
    """The functions that `warm_elsewhere` calls."""
    for runtime, function in ELSEWHERE.items():
        write_function(project, function, runtime=runtime)


@contextmanager
def echo_server() -> Iterator[tuple[int, int]]:
    """The yardstick's port and process id, while the context is open."""
    command = [sys.executable, "-m", "benchmarks.echo_server"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline()), process.pid
    finally:
        process.terminate()
        process.wait(timeout=10)


def warm(served: Served, function: str, echo_port: int, image: str) -> list[Figure]:
    """One client, keep-alive; ours and the yardsticks in turns of 50."""
    ours: list[float] = []
    bare: list[float] = []
    least: list[float] = []
    same: list[float] = []
    ours_us: list[float] = []
    path, folder = function_path(function), served.project / function
    with (
        prototype(image, folder, containers=1) as port,
        prototype(image, folder, containers=1, program=AS_IN_OURS) as same_port,
        Client(served.host, served.port) as client,
        Client("127.0.0.1", echo_port) as echo,
        Client("127.0.0.1", port) as runtime_api,
        Client("127.0.0.1", same_port) as same_client,
    ):
        for _ in range(100):
            client.timed_post(path, BODY)
            echo.timed_post("/", BODY)
            runtime_api.timed_post(path, BODY)
            same_client.timed_post(path, BODY)
        while len(ours) < RUNS:
            before_us = processor_us(served.pid)
            ours += [client.timed_post(path, BODY) for _ in range(BLOCK)]
            ours_us.append((processor_us(served.pid) - before_us) / BLOCK)
            bare += [echo.timed_post("/", BODY) for _ in range(BLOCK)]
            least += [runtime_api.timed_post(path, BODY) for _ in range(BLOCK)]
            same += [same_client.timed_post(path, BODY) for _ in range(BLOCK)]
    yardstick = "bare aiohttp echo"
    p99 = percentile(ours, 0.99)
    return [
        median("warm invoke, p50", ours, against=(yardstick, bare), target="under 1 ms"),
        median("warm invoke, p50, once more", ours, against=(PROTOTYPE, least)),
        median("warm invoke, p50, once more", ours, against=(SAME_CLIENT, same)),
        median("processor time of the workbench", ours_us, unit="µs"),
        Figure(
            name="warm invoke, p99",
            unit="ms",
            value=p99,
            low=min(ours),
            high=max(ours),
            runs=len(ours),
            yardstick=yardstick,
            yardstick_value=percentile(bare, 0.99),
        ),
    ]


def warm_elsewhere(served: Served) -> list[Figure]:
    """The same in other languages, each beside the bare Runtime API. Their clients are AWS's."""
    figures = []
    for runtime, function in ELSEWHERE.items():
        ours: list[float] = []
        least: list[float] = []
        path = function_path(function)
        with Client(served.host, served.port) as client:
            client.post(path, BODY)  # its image is known by the containers that are made ahead then
            image = starts.image(served, runtime)
            with (
                prototype(
                    image,
                    served.project / function,
                    containers=1,
                    program=AS_IN_OURS,
                    runtime=runtime,
                ) as port,
                Client("127.0.0.1", port) as runtime_api,
            ):
                for _ in range(100):
                    client.timed_post(path, BODY)
                    runtime_api.timed_post(path, BODY)
                while len(ours) < RUNS:
                    ours += [client.timed_post(path, BODY) for _ in range(BLOCK)]
                    least += [runtime_api.timed_post(path, BODY) for _ in range(BLOCK)]
        name = f"warm invoke, p50, {runtime}"
        figures.append(median(name, ours, against=(PROTOTYPE, least), target="under 1 ms"))
    return figures


def throughput(served: Served, function: str, image: str) -> list[Figure]:
    """Invocations per second, each client a process; ours and the yardsticks in turns."""
    path, folder = function_path(function), served.project / function
    figures = []
    for clients in CLIENTS:
        ours: list[float] = []
        bare: list[float] = []
        same: list[float] = []
        with (
            prototype(image, folder, containers=clients) as port,
            prototype(image, folder, containers=clients, program=AS_IN_OURS) as same_port,
        ):
            ports = ((served.port, ours), (port, bare), (same_port, same))
            for _ in range(2):  # scale out first, and let what is made ahead for it come to rest
                for at, _ in ports:
                    per_second("127.0.0.1", at, path, clients=clients, seconds=1.0)
            time.sleep(2.0)
            for _ in range(3):
                for at, found in ports:
                    found.append(
                        per_second("127.0.0.1", at, path, clients=clients, seconds=SECONDS)
                    )
        name = f"invocations, {clients} client{'s' if clients > 1 else ''}"
        target = "at least 0.7 times the yardstick"
        figures += [
            median(name, ours, unit="/s", against=(PROTOTYPE, bare), target=target),
            median(f"{name}, once more", ours, unit="/s", against=(SAME_CLIENT, same)),
        ]
    return figures


def processor_us(pid: int) -> float:
    """What all threads of a process have used so far, in microseconds."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((each / "schedstat").read_text().split()[0]) for each in threads) / 1000

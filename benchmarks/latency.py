"""How long one warm invocation takes, and how many there are in a second."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.figures import Figure, median, percentile
from benchmarks.http_client import Client, function_path
from benchmarks.load import BODY, per_second
from benchmarks.served import Served

RUNS = 1000
BLOCK = 50
SECONDS = 4.0


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


def warm(served: Served, function: str, echo_port: int) -> list[Figure]:
    """One client, keep-alive; ours and the yardstick in turns of 50."""
    ours: list[float] = []
    bare: list[float] = []
    path = function_path(function)
    with Client(served.host, served.port) as client, Client("127.0.0.1", echo_port) as echo:
        for _ in range(100):
            client.timed_post(path, BODY)
            echo.timed_post("/", BODY)
        while len(ours) < RUNS:
            ours += [client.timed_post(path, BODY) for _ in range(BLOCK)]
            bare += [echo.timed_post("/", BODY) for _ in range(BLOCK)]
    yardstick = "bare aiohttp echo"
    p99 = percentile(ours, 0.99)
    return [
        median("warm invoke, p50", ours, against=(yardstick, bare), target="under 1 ms"),
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


def throughput(served: Served, function: str, echo_port: int) -> list[Figure]:
    """Invocations per second with 1, 4 and 8 clients, each a process."""
    path = function_path(function)
    figures = []
    for clients in (1, 4, 8):
        per_second(served.host, served.port, path, clients=clients, seconds=1.0)  # scale out first
        ours = [
            per_second(served.host, served.port, path, clients=clients, seconds=SECONDS)
            for _ in range(3)
        ]
        bare = [
            per_second("127.0.0.1", echo_port, "/", clients=clients, seconds=SECONDS / 2)
            for _ in range(3)
        ]
        figures.append(
            median(
                f"invocations, {clients} client{'s' if clients > 1 else ''}",
                ours,
                unit="/s",
                against=("bare aiohttp echo", bare),
            )
        )
    return figures

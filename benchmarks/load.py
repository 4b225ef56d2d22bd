"""Clients as processes of their own, so that measuring does not slow down what is measured.

`python -m benchmarks.load HOST PORT PATH SECONDS` sends as fast as it is answered and prints how often.
"""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.http_client import Client

BODY = b'{"key":1}'


def per_second(host: str, port: int, path: str, *, clients: int, seconds: float) -> float:
    """Requests answered per second by all clients together."""
    command = [sys.executable, "-m", "benchmarks.load", host, str(port), path, str(seconds)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(clients)]
    return sum(float(process.communicate()[0]) for process in running)


def _main() -> None:
    host, port, path, seconds = sys.argv[1:]
    with Client(host, int(port)) as client:
        for _ in range(20):
            client.timed_post(path, BODY)
        began = time.perf_counter()
        count = 0
        while time.perf_counter() - began < float(seconds):
            client.timed_post(path, BODY)
            count += 1
        print(count / (time.perf_counter() - began))


if __name__ == "__main__":
    _main()

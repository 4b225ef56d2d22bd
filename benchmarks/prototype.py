"""The yardstick for invocations, with containers of the image that is measured. See `prototype_server`."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.served import MEMORY_MB

LABEL = "workbench.benchmark"

_VARIABLES = {
    "_HANDLER": "app.handler",
    "AWS_LAMBDA_FUNCTION_NAME": "echo",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MB),
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/echo",
    "AWS_LAMBDA_LOG_STREAM_NAME": "benchmark",
    "AWS_REGION": "us-east-1",
    "LAMBDA_TASK_ROOT": "/var/task",
    "PYTHONPATH": "/var/runtime",
}


AS_AWS_HAS_IT = ("/var/lang/bin/python3", "-m", "awslambdaric", "app.handler")
"""AWS's client for Python with nothing of ours around it."""
AS_IN_OURS = ("/var/runtime/bootstrap",)
"""The runtime as a workbench starts it."""


@contextmanager
def prototype(
    image: str,
    folder: Path,
    *,
    containers: int,
    program: tuple[str, ...] = AS_AWS_HAS_IT,
    runtime: str = "python3.13",
) -> Iterator[int]:
    """Its port while the context is open; `folder` is the function's, `containers` serve it, each with a
    `program` that asks for work.
    """
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.prototype_server"], stdout=subprocess.PIPE, text=True
    )
    ours = f"{LABEL}={os.getpid()}-{uuid.uuid4().hex[:8]}"
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        for _ in range(containers):
            _start(image, folder, port, ours, program, runtime)
        yield port
    finally:
        _remove(ours)
        server.terminate()
        server.wait(timeout=10)


def _start(
    image: str, folder: Path, port: int, label: str, program: tuple[str, ...], runtime: str
) -> None:
    variables = _VARIABLES | {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        # Where this says python3.12 or later, AWS's client makes a thread to ask for work, each time.
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}",
    }
    subprocess.run(
        [
            *("docker", "run", "--detach", "--rm", "--network", "host", "--label", label),
            *("--cpus", "1", "--memory", f"{MEMORY_MB}m", "--read-only"),
            *("--volume", f"{folder}:/var/task:ro", "--workdir", "/var/task"),
            *("--entrypoint", program[0]),
            *(word for name, value in variables.items() for word in ("--env", f"{name}={value}")),
            image,
            *program[1:],
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _remove(label: str) -> None:
    listed = subprocess.run(
        ["docker", "ps", "--quiet", "--filter", f"label={label}"],
        check=True,
        capture_output=True,
        text=True,
    )
    if names := listed.stdout.split():
        subprocess.run(["docker", "kill", *names], check=True, stdout=subprocess.DEVNULL)

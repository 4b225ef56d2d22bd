"""Run everything: `make bench`."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import latency, pool, publishing, starts
from benchmarks.figures import Figure, table
from benchmarks.served import serve, write_function

SETTINGS = "[engine]\nmemory_budget_mb = 1000000\n"
"""No environment makes room for another: what is measured is starting them."""
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        project = Path(temporary)
        (project / "workbench.toml").write_text(SETTINGS)
        write_function(project, "echo")
        starts.prepare_cold(project)
        pool.prepare(project)
        latency.prepare(project)
        _say("building what is needed")
        build = [
            sys.executable,
            "-m",
            "workbench",
            "--project",
            str(project),
            "build",
            "echo",
            "cold-nodejs-0",
            *latency.ELSEWHERE.values(),
        ]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        figures = _measure(project)
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    report = {
        "at": now.isoformat(timespec="seconds"),
        "machine": {
            "cpus": _cpus(),
            "system": platform.platform(),
            "python": sys.version.split()[0],
        },
        "figures": [figure.as_json() for figure in figures],
    }
    path = RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(report, indent=2) + "\n")
    print(table(figures))
    _say(f"written to benchmarks/results/{path.name}")


def _measure(project: Path) -> list[Figure]:
    figures: list[Figure] = []
    with latency.echo_server() as (echo_port, echo_pid), serve(project) as served:
        images = {runtime: starts.image(served, runtime) for runtime in starts.KINDS}
        _say("cold starts")
        figures += starts.cold(served, images)
        figures += starts.plain(served, images["python3.13"])
        _say("warm invocations")
        figures += latency.warm(served, "echo", echo_port, images["python3.13"])
        figures += latency.warm_elsewhere(served)
        _say("reloads")
        figures += starts.reload(served, "echo", images["python3.13"])
        _say("throughput")
        figures += latency.throughput(served, "echo", images["python3.13"])
        _say("bursts")
        figures += pool.burst(served, images["python3.13"])
        figures += pool.streaming(served)
        figures += pool.memory(served, echo_pid)
    _say("publishing")
    figures += publishing.publish()
    figures += publishing.listed()
    _say("first paint")
    return figures + starts.first_paint(project)


def _cpus() -> int:
    import os

    return os.cpu_count() or 0


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

"""Processes that seal: `python -m tests.integration.store.sealing FOLDER COUNT` seals and says so.

A line on stdin starts it; each line on stdout is a sealed value in hex.
"""

from __future__ import annotations

import sys
from pathlib import Path

from workbench.store.sealing import Keys


def main() -> None:
    keys = Keys(Path(sys.argv[1]), place=Path(sys.argv[2]))
    print("ready", flush=True)  # noqa: T201 - what it is for
    sys.stdin.readline()
    print(keys.seal(b"hunter2", key=None, about="orders:1").hex(), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()

"""Keys and several processes."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from workbench.store.sealing import Keys

ROOT = Path(__file__).parents[3]


def test_of_processes_that_make_a_key_at_once_one_wins_and_all_use_it(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys", place=tmp_path / "shop")
    with ExitStack() as stack:
        children = [
            stack.enter_context(
                subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        "tests.integration.store.sealing",
                        str(tmp_path / "keys"),
                        str(tmp_path / f"shop{number}"),
                    ],
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for number in range(4)
        ]
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        sealed = []
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        for child in children:
            out, _ = child.communicate()
            sealed.append(bytes.fromhex(out))

    assert [keys.open(each, about="orders:1") for each in sealed] == [b"hunter2"] * 4
    found = keys.files.read("default")
    assert found is not None
    assert len(found.generations) == 1
    assert found.newest.places >= {str(tmp_path / f"shop{number}") for number in range(4)}

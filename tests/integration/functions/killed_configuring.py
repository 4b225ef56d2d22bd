"""Kills a child of its own by SIGKILL before each step of an edit and of taking it back: each use of a
file, each statement of SQL. Run as a program, by `test_configuring.py`, in one folder.

Says at how many points it killed, and fails where what is left does not do.
"""

from __future__ import annotations

import os
import shutil
import sys
import traceback
from pathlib import Path

from tests.integration.functions.configuring import MANIFEST, Desk, add
from tests.integration.functions.killed_publishing import count_down
from workbench.errors import ConflictError

EDITED = MANIFEST.replace("= 128", "= 512")
EDIT, UNDO = "edit", "undo"


def killed_before(point: int, root: Path, what: str) -> bool:
    """Do it in a child, which ends before its `point`th step; whether it came so far."""
    child = os.fork()
    if child == 0:
        try:
            desk = Desk(root)
            desk.changes()  # the file is open
            count_down(point, str(root))
            if what == EDIT:
                desk.edit(memory_mb="512")
            else:
                desk.undo()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the top of the child
            traceback.print_exc()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


def check(root: Path, what: str, *, killed: bool) -> None:
    """The file is whole, and the journal can be taken back from wherever it stands."""
    manifest = root / "orders" / "function.toml"
    found = manifest.read_text()
    assert found in (MANIFEST, EDITED), found
    desk = Desk(root)
    (entry, *others) = desk.changes() or (None,)
    assert not others
    if what == EDIT:
        assert entry is not None or found == MANIFEST  # nothing in the file that no journal has
        assert killed or (entry is not None and found == EDITED)
    else:
        assert entry is not None
        assert entry.undone_at is None or found == MANIFEST  # nothing undone that is in the file
        assert killed or entry.undone_at is not None
    if entry is not None and entry.undone_at is None:
        desk.undo()
    assert manifest.read_text() == MANIFEST
    try:
        desk.undo()
    except ConflictError as error:
        assert "nothing to undo" in str(error)  # noqa: PT017 - no test: a program
    assert desk.edit(memory_mb="512") is not None
    assert manifest.read_text() == EDITED
    assert sorted(path.name for path in manifest.parent.iterdir()) == ["app.py", "function.toml"]


def main(folder: Path) -> None:
    points = 0
    for what in (EDIT, UNDO):
        made = folder / what
        add(made)
        if what == UNDO:
            Desk(made).edit(memory_mb="512")
        point, killed = 0, True
        while killed:
            point += 1
            root = folder / f"{what}-{point}"
            shutil.copytree(made, root, symlinks=True)
            killed = killed_before(point, root, what)
            check(root, what, killed=killed)
            shutil.rmtree(root)
        points += point - 1
    sys.stdout.write(f"{points}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

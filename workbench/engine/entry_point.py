"""Why the program of a custom runtime could not be started, where Lambda has words for it."""

from __future__ import annotations

import errno
import os
from dataclasses import replace

from workbench.model.container import RuntimeExit
from workbench.model.layer import LAYERS_ROOT
from workbench.model.version import TASK_ROOT, Version

_MISSING = os.strerror(errno.ENOENT)


def explained(ended: RuntimeExit, version: Version) -> RuntimeExit:
    """`ended`, in Lambda's words where the function brings none of the programs that may start it.

    One that is there, and names an interpreter that is not, fails alike, and is left as it is. Looks
    at the disk, then only. Source: Lambda's emulator, message of Runtime.InvalidEntrypoint.
    """
    if ended.start_error != _MISSING or not version.image.built_for_runtime:
        return ended
    own = [
        program
        for program in version.runtime.command[0].split(":")
        if program.startswith((f"{TASK_ROOT}/", f"{LAYERS_ROOT}/"))
    ]
    if not own or any(_is_there(program, version) for program in own):
        return ended
    return replace(ended, start_error=f"Couldn't find valid bootstrap(s): [{' '.join(own)}]")


def _is_there(program: str, version: Version) -> bool:
    return any(
        os.path.lexists(mount.source / program.removeprefix(f"{mount.target}/"))
        for mount in version.mounts
        if program.startswith(f"{mount.target}/")
    )

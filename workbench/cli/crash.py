"""What happens to an error nobody expected: a file with everything, and one line about it.

The file holds no values of variables and no arguments, which may be secret.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path


def write_report(
    error: BaseException, *, command: str | None, at: datetime, variables: Mapping[str, str]
) -> Path | None:
    """Write what a bug report needs; where, or `None` if there is no place for it."""
    text = "\n".join(
        (
            f"workbench {command or ''}".rstrip(),
            f"at {at.isoformat(timespec='seconds')}",
            f"Python {sys.version.split()[0]} on {platform.platform()}",
            "",
            *traceback.format_exception(error),
        )
    )
    name = f"crash-{at:%Y%m%dT%H%M%S}-{os.getpid()}.txt"
    for folder in _folders(variables):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            report = folder / name
            report.write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError:
            continue
        return report
    return None


def _folders(variables: Mapping[str, str]) -> tuple[Path, ...]:
    """Source: XDG Base Directory Specification, $XDG_STATE_HOME; the temporary folder otherwise."""
    temporary = Path(tempfile.gettempdir()) / f"workbench-{os.getuid()}"
    state = variables.get("XDG_STATE_HOME", "")
    home = variables.get("HOME", "")
    if Path(state).is_absolute():
        return Path(state) / "workbench", temporary
    if Path(home).is_absolute():
        return Path(home) / ".local" / "state" / "workbench", temporary
    return (temporary,)

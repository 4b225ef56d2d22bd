"""What is known of the terminal and the person's programs, read once from the environment."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from shutil import which

from workbench.values import dataclass

_WIDE_SIGNS = ("zh", "ja", "ko")
"""Languages whose terminals often draw ● and ✔ two cells wide."""
_COPIERS = (
    ("WAYLAND_DISPLAY", ("wl-copy",)),
    ("DISPLAY", ("xclip", "-selection", "clipboard")),
    ("DISPLAY", ("xsel", "--clipboard", "--input")),
    (None, ("pbcopy",)),
    (None, ("clip.exe",)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A value, so that a test can say what terminal there is."""

    editor: tuple[str, ...] | None = None
    """argv without the file; `None`: none was found."""
    pager: tuple[str, ...] | None = None
    copier: tuple[str, ...] | None = None
    """A program that takes the clipboard's new content on stdin."""
    ascii_only: bool = False
    colour: bool = True
    tmux: bool = False
    remote: bool = False
    """Over ssh."""


def read_terminal(environment: Mapping[str, str]) -> Terminal:
    """What the variables say. Programs are looked for on its PATH."""
    path = environment.get("PATH")
    remote = "SSH_CONNECTION" in environment
    return Terminal(
        editor=_program(
            (environment.get("VISUAL"), environment.get("EDITOR"), "nano", "vim", "vi"), path
        ),
        pager=_program((environment.get("PAGER"), "less", "more"), path),
        copier=_copier(environment, path),
        ascii_only=_ascii_only(environment),
        colour=not environment.get("NO_COLOR"),
        tmux="TMUX" in environment,
        remote=remote,
    )


def unsuitable(environment: Mapping[str, str], *, terminal: bool) -> str | None:
    """Why the screen cannot be drawn there, a full sentence; `None` when it can.

    terminal: stdin and stdout are one.
    """
    if not terminal:
        return "This is not a terminal. `workbench invoke` and `workbench replay` do without one."
    if environment.get("TERM", "dumb") in ("dumb", "unknown", ""):
        return (
            f"A terminal of type {environment.get('TERM') or 'none'!s} cannot draw a screen. "
            "Set TERM, or use `workbench invoke` and `workbench replay`."
        )
    return None


def _ascii_only(environment: Mapping[str, str]) -> bool:
    locale = (
        environment.get("LC_ALL") or environment.get("LC_CTYPE") or environment.get("LANG") or ""
    )
    encoding = locale.partition(".")[2].partition("@")[0].lower().replace("-", "")
    if environment.get("TERM") in ("linux", "vt100", "vt220"):
        return True
    if locale.lower().startswith(_WIDE_SIGNS):
        return True
    return bool(encoding) and encoding != "utf8"


def _program(wishes: tuple[str | None, ...], path: str | None) -> tuple[str, ...] | None:
    for wish in wishes:
        try:
            argv = tuple(shlex.split(wish or ""))
        except ValueError:
            continue
        if argv and which(argv[0], path=path):
            return argv
    return None


def _copier(environment: Mapping[str, str], path: str | None) -> tuple[str, ...] | None:
    for needs, argv in _COPIERS:
        if needs is not None and not environment.get(needs):
            continue
        if which(argv[0], path=path):
            return argv
    return None

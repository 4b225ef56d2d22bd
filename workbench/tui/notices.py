"""What stands in the way, in words: what, why, what to do, and what still works.

At most one at a time, the most pressing that concerns the selected function.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from workbench.model.function import Function, Problem
from workbench.model.telemetry import InitFailed
from workbench.model.terminal_text import plain, safe
from workbench.tui import wording
from workbench.tui.builds import Breakage, Build
from workbench.tui.desk import Desk, errors_of
from workbench.values import dataclass


class Role(StrEnum):
    """How a line of a notice is drawn."""

    TEXT = "text"
    STRONG = "strong"
    DIM = "dim"
    OUTPUT = "output"
    """A tool's own text: never wrapped."""
    BAR = "bar"
    """Drawn as a progress bar."""


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """One line; texts are wrapped where they are drawn."""

    text: str
    role: Role = Role.TEXT
    label: str = ""
    """Stands before it, dim: `cause`, `remedy`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One of them."""

    key: str
    """The same for the same trouble: says whether it is a new one."""
    title: str
    fact: str = ""
    """At the right end of its frame."""
    foot: tuple[str, ...] = ()
    """In the lower frame: what can be pressed."""
    lines: tuple[NoticeLine, ...] = ()
    waiting: bool = False
    """It is about something going on, not something wrong."""
    share: float | None = None
    place: tuple[Path, int | None] | None = None
    """The file to open, and the line."""

    @property
    def text(self) -> str:
        """For the clipboard and the pager."""
        lines = [self.title, *(_copied(line) for line in self.lines)]
        return "\n".join(line for line in lines if line) + "\n"


def notice_of(desk: Desk) -> Notice | None:
    """The one to show now."""
    if not desk.engine.ready and desk.engine.cause is not None:
        return _engine(desk)
    function = desk.function
    if function is None:
        return None
    build = desk.builds.waited_for(function.name)
    if build is not None:
        return _building(desk, build)
    return _trouble(desk, function)


def _trouble(desk: Desk, function: Function) -> Notice | None:
    """What is wrong with a function."""
    broken = desk.builds.broken(function.name)
    if broken is not None:
        return _build_failed(function, broken)
    rejected = desk.rejection(function.name)
    if rejected is not None and function.name in desk.served:
        return _rejected(desk, function, rejected)
    if function.broken or function.configuration is None:
        return _broken(desk, function)
    refusal = desk.refusals.get(function.name)
    if refusal is not None:
        return _refused(function, refusal)
    failed = desk.stillborn.get(function.name)
    return None if failed is None else _stillborn(function, failed)


def _engine(desk: Desk) -> Notice:
    status = desk.engine
    fact = ""
    if status.retry_at is not None:
        left = max(0, round((status.retry_at - desk.clock.now()).total_seconds()))
        fact = f"next try in {left} s" if left else "trying"
    lines = [NoticeLine(_clean(status.cause or ""), Role.STRONG, "cause")]
    if status.remedy:
        lines.append(NoticeLine(_clean(status.remedy), Role.TEXT, "remedy"))
    lines.append(NoticeLine(""))
    lines.append(NoticeLine("Events, drafts and past runs still work.", Role.DIM))
    return Notice(
        key="engine",
        title="The container engine is not reachable",
        fact=fact,
        foot=("r retry now", "y copy"),
        lines=tuple(lines),
    )


def _building(desk: Desk, build: Build) -> Notice:
    took = (desk.clock.now() - build.began_at).total_seconds()
    step = f"step {build.step} of {build.steps}" if build.steps else "working"
    return Notice(
        key=f"building {build.subject}",
        title=f"Building {wording.one_line(build.subject)}",
        fact=wording.seconds(took),
        foot=("f9 gives up waiting",) if desk.asked else (),
        lines=(
            NoticeLine(step, Role.BAR),
            NoticeLine(wording.one_line(build.line), Role.DIM),
        ),
        waiting=True,
        share=build.share,
    )


def _build_failed(function: Function, broken: Breakage) -> Notice:
    output = _clean(broken.output).rstrip().split("\n")
    return Notice(
        key=f"build {broken.subject} {broken.at.isoformat()}",
        title=f"{wording.one_line(broken.subject)} could not be built",
        fact=f"failed at: {wording.one_line(broken.step)}",
        foot=("b build again", "y copy", "f3 pager"),
        lines=tuple(NoticeLine(line, Role.OUTPUT) for line in output),
        place=(function.folder / "function.toml", None),
    )


def _rejected(desk: Desk, function: Function, problems: tuple[Problem, ...]) -> Notice:
    lines = _problem_lines(desk, problems)
    lines.append(NoticeLine(""))
    lines.append(NoticeLine("The last good version keeps serving.", Role.STRONG))
    return Notice(
        key=f"rejected {function.name} {problems!r}",
        title=f"The edit of {function.name} was not taken up",
        foot=("e open the file", "y copy"),
        lines=tuple(lines),
        place=_place(problems),
    )


def _broken(desk: Desk, function: Function) -> Notice:
    problems = tuple(errors_of(function))
    lines = _problem_lines(desk, problems)
    lines.append(NoticeLine(""))
    lines.append(NoticeLine("It is read again as soon as you save it.", Role.DIM))
    return Notice(
        key=f"broken {function.name} {problems!r}",
        title=f"{function.name} cannot run",
        fact=wording.counted(len(problems), "problem"),
        foot=("e open the file", "y copy"),
        lines=tuple(lines),
        place=_place(problems),
    )


def _refused(function: Function, refusal: str) -> Notice:
    lines = [NoticeLine(line) for line in _clean(refusal).split("\n")]
    return Notice(
        key=f"refused {function.name} {refusal}",
        title=f"{function.name} was not run",
        foot=("y copy",),
        lines=tuple(lines),
    )


def _stillborn(function: Function, failed: InitFailed) -> Notice:
    lines = [NoticeLine(line) for line in _clean(failed.message).rstrip().split("\n")]
    lines.append(NoticeLine(""))
    lines.append(NoticeLine("It is started again as soon as you save it, or run it.", Role.DIM))
    return Notice(
        key=f"stillborn {failed.environment_id} {failed.at.isoformat()}",
        title=f"The new code of {function.name} cannot initialise",
        fact=wording.one_line(failed.error_type or ""),
        foot=("e open the file", "y copy"),
        lines=tuple(lines),
    )


def _problem_lines(desk: Desk, problems: tuple[Problem, ...]) -> list[NoticeLine]:
    root = desk.workbench.catalog.root
    lines: list[NoticeLine] = []
    for problem in problems:
        path = problem.path
        where = str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
        if problem.line is not None:
            where = f"{where}:{problem.line}"
        lines.append(NoticeLine(wording.one_line(where), Role.STRONG))
        lines.extend(NoticeLine(line) for line in _clean(problem.message).split("\n"))
    return lines


def _place(problems: tuple[Problem, ...]) -> tuple[Path, int | None] | None:
    return (problems[0].path, problems[0].line) if problems else None


def _clean(text: str) -> str:
    return plain(safe(text))


def _copied(line: NoticeLine) -> str:
    return f"{line.label}: {line.text}" if line.label else line.text

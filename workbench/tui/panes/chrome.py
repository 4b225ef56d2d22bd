"""The first line and the status line: where one is, how the engine is, what goes on."""

from __future__ import annotations

from textual.widget import Widget

from workbench.tui import wording
from workbench.tui.builds import Build
from workbench.tui.desk import Desk
from workbench.tui.ink import ink, signs
from workbench.tui.live import LiveRun, Phase
from workbench.tui.widgets.line import Part
from workbench.values import dataclass

_ROOMY = 100


@dataclass(frozen=True, slots=True)
class Flash:
    """What just happened."""

    text: str
    bad: bool = False


def top_parts(desk: Desk, line: Widget) -> tuple[list[Part], list[Part]]:
    """The project and the view at the left, environment and engine at the right."""
    drawn, glyphs = ink(line), signs(line)
    roomy = line.size.width >= _ROOMY
    left = [
        Part(" ", drawn.text),
        Part(wording.one_line(desk.workbench.catalog.root.name), drawn.strong),
        Part(f" {glyphs.here} ", drawn.accent),
        Part("Functions", drawn.text),
    ]
    between = Part(f" {glyphs.between} ", drawn.faint)
    right = [Part(wording.one_line(desk.workbench.settings.environment_name), drawn.dim), between]
    right += _engine_parts(desk, line)
    if not desk.engine.isolated:
        right += [Part(" ", drawn.text), Part(" no isolation ", drawn.chip)]
    if desk.warm or roomy:
        right += [between, Part(f"{desk.warm} warm", drawn.dim)]
    running = len(desk.live)
    if running or roomy:
        right += [between, Part(f"{running} running", drawn.accent if running else drawn.dim)]
    right.append(Part(" ", drawn.text))
    return left, right


def _engine_parts(desk: Desk, line: Widget) -> list[Part]:
    drawn, glyphs, status = ink(line), signs(line), desk.engine
    kind = status.kind or "engine"
    if status.ready:
        return [Part(f"{kind} ", drawn.dim), Part(f"{glyphs.busy} ready", drawn.ok)]
    if status.cause is None:
        return [Part(f"{kind} ", drawn.dim), Part(f"{glyphs.starting} opening", drawn.accent)]
    return [Part(f"{kind} ", drawn.dim), Part(f"{glyphs.broken} not reachable", drawn.error)]


def status_parts(
    desk: Desk, line: Widget, *, flash: Flash | None, turn: int
) -> tuple[list[Part], list[Part]]:
    """A flash, else what runs now and how far it is."""
    drawn = ink(line)
    if flash is not None:
        style = drawn.error if flash.bad else drawn.text
        return [Part(f" {wording.flat(flash.text)}", style)], []
    run = desk.in_flight()
    if run is not None:
        return _running(desk, line, run, turn), []
    for name, asked in desk.asked.items():
        waited = wording.seconds((desk.clock.now() - asked.at).total_seconds())
        return _making_ready(desk, line, str(name), waited, turn), []
    build = desk.builds.newest
    if build is not None:
        return _building(desk, line, build, turn), []
    return [], []


def _running(desk: Desk, line: Widget, run: LiveRun, turn: int) -> list[Part]:
    drawn, glyphs = ink(line), signs(line)
    now = desk.clock.now()
    parts = [
        Part(f" {glyphs.spinner[turn % len(glyphs.spinner)]} ", drawn.accent),
        Part(wording.one_line(run.acceptance.function), drawn.strong),
        Part(f"  {run.phase} {wording.seconds((now - run.since).total_seconds())}", drawn.accent),
    ]
    if len(run.passed) > 1 or (run.passed and run.passed[0][1] >= 1):
        passed = f" {glyphs.between} ".join(
            f"{phase} {wording.milliseconds(took_ms)}"
            for phase, took_ms in run.passed
            if phase is not Phase.QUEUE or took_ms >= 1
        )
        parts.append(Part(f"   {passed}", drawn.dim))
    others = len(desk.live) - 1
    if others > 0:
        parts.append(Part(f"   and {others} more", drawn.dim))
    parts += [Part("   f9", drawn.accent, "run.cancel"), Part(" cancels", drawn.dim, "run.cancel")]
    return parts


def _building(desk: Desk, line: Widget, build: Build, turn: int) -> list[Part]:
    drawn, glyphs = ink(line), signs(line)
    took = wording.seconds((desk.clock.now() - build.began_at).total_seconds())
    step = f"step {build.step} of {build.steps}  " if build.steps else ""
    parts = [
        Part(f" {glyphs.spinner[turn % len(glyphs.spinner)]} ", drawn.accent),
        Part(f"building {wording.one_line(build.subject)}", drawn.text),
        Part(f"  {step}{took}", drawn.accent),
    ]
    others = len(desk.builds) - 1
    if others > 0:
        parts.append(Part(f"   and {others} more", drawn.dim))
    parts.append(Part(f"   {wording.one_line(build.line)}", drawn.dim))
    return parts


def _making_ready(desk: Desk, line: Widget, name: str, waited: str, turn: int) -> list[Part]:
    drawn, glyphs = ink(line), signs(line)
    build = desk.builds.newest
    if not desk.engine.ready:
        doing = "waits for the container engine"
    elif build is not None:
        step = f" {build.step}/{build.steps}" if build.steps else ""
        doing = f"builds {wording.one_line(build.subject)}{step}"
    else:
        doing = "is made ready"
    return [
        Part(f" {glyphs.spinner[turn % len(glyphs.spinner)]} ", drawn.accent),
        Part(wording.one_line(name), drawn.strong),
        Part(f"  {doing} {waited}", drawn.accent),
        Part("   f9", drawn.accent, "run.cancel"),
        Part(" gives up", drawn.dim, "run.cancel"),
    ]

"""The line between event and result: what would run, how, and the key that runs it."""

from __future__ import annotations

from rich.cells import cell_len
from textual.widget import Widget

from workbench.model.function import Function
from workbench.model.names import LATEST
from workbench.tui import wording
from workbench.tui.desk import Desk
from workbench.tui.ink import ink, signs
from workbench.tui.widgets.line import Part

_ROOMY = 80


def bar_parts(desk: Desk, bar: Widget, turn: int) -> tuple[list[Part], list[Part]]:
    """Its left and its right part."""
    drawn, glyphs = ink(bar), signs(bar)
    function = desk.function
    if function is None:
        return [], []
    right: list[Part] = []
    if desk.in_flight() is not None or desk.asked:
        spinner = glyphs.spinner[turn % len(glyphs.spinner)]
        right.append(Part(f"{spinner} ", drawn.accent))
        right.append(Part("[ f9 Cancel ]", drawn.dim, "run.cancel"))
        right.append(Part("  ", drawn.text))
    style = drawn.faint if desk.refused() else drawn.button
    right.append(Part("[ ^r Run ]", style, "run"))
    right.append(Part(" ", drawn.text))
    room = bar.size.width - sum(cell_len(part.text) for part in right)
    return _left(function, bar, room), right


def _left(function: Function, bar: Widget, room: int) -> list[Part]:
    """What would run and how: as much of it as there is room for."""
    drawn, glyphs = ink(bar), signs(bar)
    between = "     " if bar.size.width >= _ROOMY else f" {glyphs.between} "
    parts = [
        Part(" ", drawn.text),
        Part(wording.one_line(function.name), drawn.strong),
        Part(f" : {LATEST}", drawn.dim),
    ]
    configuration = function.configuration
    said: list[str] = []
    if configuration is not None:
        said = ["sync", f"timeout {configuration.timeout_s} s"]
        if bar.size.width >= _ROOMY:
            said.append(f"{configuration.memory_mb} MB")
    for text in said:
        part = Part(f"{between}{text}", drawn.dim)
        if sum(cell_len(each.text) for each in [*parts, part]) + 1 > room:
            break
        parts.append(part)
    return parts

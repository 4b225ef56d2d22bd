"""The text of an event: a text area with JSON colours for what is in sight, and nothing that blinks.

The colours are made for one line at a time, which is enough (no JSON token spans lines) and cannot
take the process down, as a grammar compiled from C could.
"""

from __future__ import annotations

from rich.style import Style
from rich.text import Text
from textual import events
from textual.widgets import TextArea
from textual.widgets.text_area import TextAreaTheme

from workbench.expression import expression
from workbench.tui.ink import ink
from workbench.tui.widgets.pane import Pane

_TOKEN = expression(
    r'(?P<key>"(?:[^"\\]|\\.)*"(?=[ \t]*:))|(?P<string>"(?:[^"\\]|\\.)*"?)'
    r"|(?P<punctuation>[\[\]{},:])|(?P<number>[^\s\"\[\]{},:]+)"
)
_UNSAFE = expression(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""As `model.terminal_text`; here each is replaced by one cell, so that columns stay true."""
_COLOURED = 2000
"""Characters: a longer line stays plain."""
_INDENT = "  "


class Editor(TextArea):
    """See the module."""

    DEFAULT_CSS = """
    Editor {
        border: none;
        padding: 0;
        scrollbar-size: 0 0;
        background: $background;
        &:focus { border: none; }
    }
    """

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(
            id=id, soft_wrap=False, show_line_numbers=True, tab_behavior="indent", language=None
        )
        self.cursor_blink = False
        self.highlight_cursor_line = False
        self.match_cursor_bracket = False
        self.indent_width = 2
        self._pane: Pane | None = None

    def on_mount(self) -> None:
        self.repaint()

    def on_focus(self) -> None:
        self.highlight_cursor_line = self.match_cursor_bracket = True

    def on_blur(self) -> None:
        self.highlight_cursor_line = self.match_cursor_bracket = False

    def repaint(self) -> None:
        """The theme is another."""
        drawn = ink(self)
        cursor = drawn.label
        self.register_theme(
            TextAreaTheme(
                name="workbench",
                base_style=drawn.text,
                gutter_style=drawn.faint,
                cursor_style=Style(
                    color=cursor.color, bgcolor=cursor.bgcolor, reverse=cursor.reverse
                ),
                cursor_line_style=drawn.cursor_away if drawn.cursor_away.bgcolor else None,
                cursor_line_gutter_style=drawn.dim,
                bracket_matching_style=Style(bold=True, underline=True),
                selection_style=drawn.selection,
            )
        )
        self.theme = "css"
        self.theme = "workbench"
        self.refresh()

    def get_line(self, line_index: int) -> Text:
        raw = self.document.get_line(line_index)
        line = Text(_UNSAFE.sub("\N{REPLACEMENT CHARACTER}", raw), end="", no_wrap=True)
        if len(raw) <= _COLOURED:
            drawn = ink(self)
            styles = {
                "key": drawn.key,
                "string": drawn.string,
                "punctuation": drawn.dim,
                "number": drawn.number,
            }
            for found in _TOKEN.finditer(raw):
                style = styles[found.lastgroup or "string"]
                line.stylize(Style(color=style.color, dim=style.dim), found.start(), found.end())
        return line

    async def _on_key(self, event: events.Key) -> None:
        # TextArea's own handler follows unless it is told not to
        if event.key == "enter" and not self.read_only:
            event.stop()
            event.prevent_default()
            self._new_line()

    def _new_line(self) -> None:
        """Go on as deep as the line before, one deeper after an opening bracket."""
        row, column = self.selection.start
        before = self.document.get_line(row)[:column]
        indent = before[: len(before) - len(before.lstrip(" \t"))]
        if before.rstrip().endswith(("{", "[")):
            indent += _INDENT
        start, end = self.selection
        self.replace(f"\n{indent}", start, end, maintain_selection_offset=False)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if self._pane is None and self.is_attached:
            self._pane = next((each for each in self.ancestors if isinstance(each, Pane)), None)
        if self._pane is not None:
            self._pane.rethumb()

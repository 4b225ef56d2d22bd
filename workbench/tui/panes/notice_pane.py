"""What stands in the way, or goes on, above the result."""

from __future__ import annotations

from textual.app import ComposeResult

from workbench.tui.ink import ink, signs
from workbench.tui.notices import Notice
from workbench.tui.paint import facts
from workbench.tui.widgets.notice_view import NoticeView
from workbench.tui.widgets.pane import Pane
from workbench.tui.widgets.virtual_list import VirtualList


class NoticePane(Pane):
    """See the module."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.notice: Notice | None = None

    def compose(self) -> ComposeResult:
        yield NoticeView(id="notice-view")

    @property
    def view(self) -> NoticeView:
        return self.query_one(NoticeView)

    @property
    def scroller(self) -> VirtualList:
        return self.view

    def show(self, notice: Notice | None, turn: int) -> None:
        """Show it; `None`: there is nothing to say."""
        self.notice = notice
        self.view.load(notice, turn)
        if notice is None:
            return
        drawn, glyphs = ink(self), signs(self)
        style = drawn.accent if notice.waiting else drawn.error
        spinner = glyphs.spinner[turn % len(glyphs.spinner)]
        sign = spinner if notice.waiting else glyphs.broken
        self.describe(
            [(f"{sign} {notice.title}", style)],
            facts=[(notice.fact, drawn.dim)] if notice.fact else (),
            cost=facts(notice.foot, glyphs.between, drawn.dim),
        )

    def height_for(self, width: int) -> int:
        """How many rows it would like, frame included."""
        return self.view.height_for(width - 2) + 2

"""Which deed an action is. A test sees to it that every action is one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from workbench.model.names import FunctionName
from workbench.tui.deeds.going import Going, Shell
from workbench.tui.deeds.looking import Looking
from workbench.tui.deeds.making import Making
from workbench.tui.deeds.running import Running
from workbench.tui.deeds.saving import Saving
from workbench.tui.deeds.texts import Texts
from workbench.tui.situation import Pane, Tab


class Deeds:
    """All of them, by the ids of `actions.py`."""

    def __init__(self, shell: Shell) -> None:
        self.saving = Saving(shell)
        self.running = Running(shell, open_event=self.saving.open_usual)
        self.making = Making(shell)
        self.texts = Texts(shell)
        self.looking = Looking(shell)
        self.going = Going(
            shell,
            open_event=self._open_event,
            escape=self._escape,
            copy_text=self.texts.copy_text,
        )
        self._shell = shell
        self.table = self._table()

    def _table(self) -> dict[str, Callable[[], None]]:
        running, saving, making = self.running, self.saving, self.making
        texts, looking, going = self.texts, self.looking, self.going
        return {
            "run": running.run,
            "run.cancel": running.cancel,
            "run.save": saving.save_run,
            "run.open": looking.go(Pane.RESULT),
            "again": running.again,
            "tab.prev": looking.tab(-1),
            "tab.next": looking.tab(1),
            "see.response": looking.see(Tab.RESPONSE),
            "see.logs": looking.see(Tab.LOGS),
            "see.report": looking.see(Tab.REPORT),
            "copy": texts.copy,
            "copy.whole": texts.copy_whole,
            "copy.cli": texts.copy_cli,
            "copy.request": texts.copy_request,
            "copy.sel": going.copy_selection,
            "find": looking.find,
            "find.next": looking.next,
            "find.prev": looking.previous,
            "filter": looking.filter,
            "follow": looking.follow,
            "save": saving.save,
            "event.edit": looking.type,
            "event.choose": saving.choose,
            "event.prev": saving.previous,
            "event.next": saving.next,
            "event.new": saving.new,
            "event.add": saving.new,
            "dup": saving.duplicate,
            "rename": saving.rename,
            "delete": saving.delete,
            "revert": saving.revert,
            "undo": saving.undo,
            "function.new": making.new_function,
            "function.open": looking.go(Pane.EVENT),
            "function.code": texts.code,
            "build": making.build,
            "engine.retry": making.retry_engine,
            "pager": texts.pager,
            "editor": texts.editor,
            "editor.outside": texts.editor,
            "palette": going.palette,
            "palette.colon": going.palette,
            "goto": going.goto,
            "jump": going.jump,
            "pane.next": looking.pane(1),
            "pane.prev": looking.pane(-1),
            "leave": going.escape,
            "zoom": looking.zoom,
            "zoom.outside": looking.zoom,
            "help": going.help,
            "keys": going.keys,
            "keys.outside": going.keys,
            "theme": going.theme,
            "ascii": going.ascii,
            "quit": going.quit,
        }

    def _open_event(self, name: FunctionName, event: str) -> None:
        self._shell.work(partial(self.saving.open, name, event), group="event", alone=True)

    def _escape(self) -> bool:
        if self._shell.desk.wanted is not None:
            self.looking.forget()
            return True
        return self.looking.unfilter()

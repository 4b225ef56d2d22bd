"""Run, cancel, repeat."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from workbench.errors import FunctionNotReady, InvocationNotFound, WorkbenchError
from workbench.model.invocation import InvokeRequest, Origin
from workbench.model.names import FunctionName, Target
from workbench.tui.deeds.front import Front
from workbench.tui.desk import Asked, Aspect
from workbench.tui.drafts import Draft
from workbench.tui.situation import Pane


class Running:
    """Deeds about invocations in progress."""

    def __init__(
        self, front: Front, *, open_event: Callable[[FunctionName], Awaitable[None]]
    ) -> None:
        """`open_event` reads the event that a function is to be run with."""
        self._front = front
        self._open_event = open_event

    def run(self) -> None:
        """What stands in the editor, as it stands there."""
        desk = self._front.desk
        if desk.selected is None:
            return
        name = desk.selected
        if name in desk.awaited or not desk.drafts.knows(name):
            self._front.work(partial(self._run_when_read, name), group=f"run {name}")
        else:
            self._start(name, desk.drafts.current(name))

    async def _run_when_read(self, name: FunctionName) -> None:
        await self._open_event(name)
        self._start(name, self._front.desk.drafts.current(name))

    def again(self) -> None:
        """The shown run, with the very payload it had."""
        shown = self._front.desk.shown()
        if shown is None:
            return
        self._front.work(partial(self._repeat, shown.summary.request_id), group="again")

    def cancel(self) -> None:
        """The run in progress, or the waiting for one."""
        desk = self._front.desk
        run, mine = desk.in_flight(), desk.selected
        if run is not None and (mine not in desk.asked or run.acceptance.function == mine):
            try:
                desk.workbench.invocations.stop(run.request_id)
            except InvocationNotFound:
                self._front.flash("it has just ended")
            return
        for name in [mine] if mine in desk.asked else list(desk.asked):
            if self._front.stop_work(f"run {name}"):
                desk.asked.pop(name, None)
                self._front.flash(f"{name} was not run")
        self._front.show()

    async def _repeat(self, request_id: str) -> None:
        desk = self._front.desk
        kept = desk.book.kept(request_id)  # type: ignore[arg-type] # from a summary
        if kept is not None:
            acceptance = kept.record.acceptance
        else:
            live = desk.live.get(request_id)  # type: ignore[arg-type] # from a summary
            if live is not None:
                acceptance = live.acceptance
            else:
                found = await desk.workbench.invocations.record(request_id)
                acceptance = found.record.acceptance
        draft = Draft(event=acceptance.event, saved=acceptance.payload)
        self._start(acceptance.function, draft)

    def _start(self, name: FunctionName, draft: Draft) -> None:
        desk = self._front.desk
        desk.asked[name] = Asked(at=desk.clock.now(), event=draft.event)
        desk.refusals.pop(name, None)
        request = InvokeRequest(
            target=Target(name=name),
            payload=draft.payload,
            origin=Origin.TUI,
            event=draft.event,
        )
        if self._front.home.single:
            self._front.home.go(Pane.RESULT)
        self._front.show(Aspect.TICK)
        self._front.work(partial(self._invoke, request), group=f"run {name}")

    async def _invoke(self, request: InvokeRequest) -> None:
        front, desk, name = self._front, self._front.desk, request.target.name
        try:
            run = await desk.workbench.invocations.invoke(request)
        except FunctionNotReady as error:
            desk.refusals[name] = error.reason
            front.flash(f"{name} cannot run", bad=True)
        except WorkbenchError as error:
            desk.refusals[name] = str(error)
            front.flash(str(error).partition("\n")[0], bad=True)
        else:
            desk.hold(run)
            if desk.selected == name:
                desk.show_run(run.acceptance.request_id)
        finally:
            desk.asked.pop(name, None)
            front.show()

"""New functions, builds, and the container engine."""

from __future__ import annotations

from functools import partial

from workbench.errors import InvalidParameter, WorkbenchError
from workbench.model.names import FunctionName, RuntimeName, function_name
from workbench.tui import wording
from workbench.tui.choices import Choice
from workbench.tui.deeds.front import Front
from workbench.tui.desk import Asked, Aspect
from workbench.tui.situation import Pane


class Making:
    """Deeds about what functions are made of."""

    def __init__(self, front: Front) -> None:
        self._front = front

    def new_function(self) -> None:
        self._front.work(self._new_function, group="make")

    def build(self) -> None:
        name = self._front.desk.selected
        if name is not None:
            self._front.work(partial(self._build, name), group=f"run {name}")

    def retry_engine(self) -> None:
        self._front.desk.workbench.environments.retry_engine()
        self._front.flash("looking for the container engine")

    async def _new_function(self) -> None:
        catalog = self._front.desk.workbench.catalog
        choices: list[Choice[RuntimeName]] = [
            Choice(
                value=runtime.name,
                group="",
                text=runtime.name,
                detail=wording.one_line(runtime.language),
                hint=wording.one_line(runtime.summary),
            )
            for runtime in catalog.runtimes()
            if runtime.template is not None
        ]
        if not choices:
            self._front.flash("No runtime has a template here.", bad=True)
            return
        runtime = await self._front.pick("New function", choices, placeholder="runtime")
        if runtime is None:
            return
        known = {function.name for function in catalog.functions()}

        def wrong(text: str) -> str | None:
            try:
                name = function_name(text)
            except InvalidParameter as error:
                return str(error)
            return f"There is a function {name} already." if name in known else None

        name = await self._front.prompt(
            f"new {runtime} function, named", done="make it", check=wrong
        )
        if name is not None:
            await self._create(name, runtime)

    async def _create(self, name: str, runtime: RuntimeName) -> None:
        desk = self._front.desk
        folder = await desk.workbench.catalog.create(name, runtime)
        root = desk.workbench.catalog.root
        where = folder.relative_to(root) if folder.is_relative_to(root) else folder
        self._front.flash(f"made {wording.one_line(str(where))}   e opens its code")
        made = desk.coming = FunctionName(name)
        desk.refresh_functions()
        if desk.find(made) is not None:
            await self._front.select(made)
        self._front.home.go(Pane.FUNCTIONS)

    async def _build(self, name: FunctionName) -> None:
        """Make ready; what goes wrong is shown by the notice that telemetry brings."""
        front, desk = self._front, self._front.desk
        desk.asked[name] = Asked(at=desk.clock.now(), event=None)
        desk.refusals.pop(name, None)
        front.show(Aspect.TICK)
        try:
            version = await desk.workbench.environments.prepare(name)
        except WorkbenchError as error:
            desk.refusals[name] = str(error)
            front.flash(f"{name} could not be made ready", bad=True)
        else:
            desk.builds.forgive(name)
            front.flash(f"{name} is ready: code {version.code.digest[:8]}")
        finally:
            desk.asked.pop(name, None)
            front.show()

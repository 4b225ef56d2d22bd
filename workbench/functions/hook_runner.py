"""Invokes the hook functions of deployments, each in an environment of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial

from workbench.engine.run import Run
from workbench.errors import EngineUnreachable, ThrottledError, WorkbenchError
from workbench.functions.hooks import AskedHook, HookDesk
from workbench.functions.invoker import Invoker
from workbench.functions.keeper import EngineKeeper
from workbench.model.deployment import Deployment, LifecycleEvent
from workbench.model.hook_report import HookReport
from workbench.model.invocation import InvokeRequest, Origin
from workbench.model.names import target
from workbench.store.releases.deployments import DeploymentStore


class HookRunner:
    """Invokes hooks, each in an environment of its own. See `functions.deployments.Hooks`."""

    def __init__(
        self, *, invoker: Invoker, keeper: EngineKeeper, store: DeploymentStore, desk: HookDesk
    ) -> None:
        self._invoker = invoker
        self._keeper = keeper
        self._store = store
        self._desk = desk
        self.taken: Callable[[], None] = lambda: None
        """Called when a report is in the store."""

    async def run(self, deployment: Deployment, event: LifecycleEvent) -> str | None:
        """See `functions.deployments.Hooks`.

        Source: CodeDeploy User Guide, "AppSpec 'hooks' section for an AWS Lambda deployment".
        Unlike there, an invocation that fails is a failure at once: nobody waits an hour for nothing.
        """
        self._keeper.begin()  # a command that deploys may have got so far without the engine
        payload = {
            "DeploymentId": deployment.id,
            "LifecycleEventHookExecutionId": event.execution_id,
        }
        try:
            run = await self._invoker.invoke(
                InvokeRequest(
                    target=target(str(event.hook)),
                    payload=json.dumps(payload).encode(),
                    origin=Origin.DEPLOYMENT,
                    cold=True,
                    hook=True,
                )
            )
        except (ThrottledError, EngineUnreachable):
            raise
        except WorkbenchError as error:
            return f"The hook {event.hook} could not be invoked: {error}"
        async with asyncio.TaskGroup() as tasks:
            asked = AskedHook(
                deployment_id=deployment.id,
                execution_id=event.execution_id,
                tasks=tasks,
                keep=self._keep,
            )
            request_id = run.acceptance.request_id
            self._desk.expect(request_id, asked)
            run.when_finished(partial(self._desk.forget, request_id))
            try:
                return await _failure(run, event)
            finally:
                self._desk.conclude(request_id)

    async def _keep(self, report: HookReport) -> None:
        await self._store.report(report.deployment_id, report.execution_id, report.status)
        self.taken()


async def _failure(run: Run, event: LifecycleEvent) -> str | None:
    """Wait for its end: why it failed, if it did."""
    try:
        outcome = await run.outcome()
    except WorkbenchError as error:
        return f"The hook {event.hook} could not be invoked: {error}"
    if outcome.ok:
        return None
    said = outcome.error_message or outcome.kind
    return f"The hook {event.hook} failed: {outcome.error_type or outcome.kind}: {said}"

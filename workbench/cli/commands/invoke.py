"""`workbench invoke`: the response on stdout, the log on stderr as it comes."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from contextlib import suppress

from workbench.cli import values
from workbench.cli.exits import Exit
from workbench.cli.inputs import read_client_context, read_payload
from workbench.cli.narration import Narrator, narrated
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.cli.render import milliseconds
from workbench.errors import InvocationNotFound
from workbench.facade.invocations import Run
from workbench.facade.workbench import Workbench
from workbench.model.invocation import InvokeRequest, Measurements, Origin, Outcome
from workbench.model.names import target
from workbench.model.report import cold_start


def prepare(arguments: Namespace) -> None:
    """Read what is to be sent. Raises `InvalidParameter` before anything is opened."""
    arguments.function = target(arguments.function)
    if arguments.payload is not None:
        arguments.payload = read_payload(arguments.payload)
    if arguments.client_context is not None:
        arguments.client_context = read_client_context(arguments.client_context)


async def run(arguments: Namespace, output: Output) -> int:
    """Invoke one function once."""
    async with (
        opened(arguments) as workbench,
        narrated(workbench, output, logs=not output.json) as narrator,
    ):
        invocation = await workbench.invocations.invoke(await _request(workbench, arguments))
        try:
            outcome = await invocation.outcome()
            narrator.catch_up()  # what the handler wrote comes before what it answered
            if not output.json:
                output.data(outcome.payload)
            await _tell_rest(invocation, narrator, output)
        except asyncio.CancelledError:
            with suppress(InvocationNotFound):
                workbench.invocations.stop(invocation.acceptance.request_id)
            raise
    return _exit(outcome)


async def _request(workbench: Workbench, arguments: Namespace) -> InvokeRequest:
    payload = arguments.payload or b""
    if arguments.event is not None:
        payload = await workbench.events.read(arguments.function.name, arguments.event)
    return InvokeRequest(
        target=arguments.function,
        payload=payload,
        origin=Origin.CLI,
        event=arguments.event,
        client_context=arguments.client_context,
        cold=arguments.cold,
    )


async def _tell_rest(invocation: Run, narrator: Narrator, output: Output) -> None:
    """Wait for the figures; the narration has END and REPORT, then what REPORT has no place for."""
    record = await invocation.record()
    if output.json:
        output.object(values.invocation(record, invocation.logs))
        return
    narrator.catch_up()
    if record.measurements is not None and record.cold:
        line = _cold_start(record.measurements)
        if line:
            output.say(line)


def _cold_start(measured: Measurements) -> str:
    """`Cold start: create 7.1 ms, start 160 ms, boot 45.0 ms, import 12.0 ms`."""
    parts = (f"{name} {milliseconds(took_ms)}" for name, took_ms in cold_start(measured))
    text = ", ".join(parts)
    return f"Cold start: {text}" if text else ""


def _exit(outcome: Outcome) -> Exit:
    return Exit.SUCCESS if outcome.ok else Exit.FUNCTION_FAILED

"""`workbench tune`: what a function takes and costs at several memory sizes."""

from __future__ import annotations

import os
from argparse import Namespace
from typing import Any

from workbench.cli import values
from workbench.cli.exits import Exit
from workbench.cli.inputs import read_payload
from workbench.cli.narration import narrated
from workbench.cli.output import Output
from workbench.cli.progress import Progress
from workbench.cli.project import opened
from workbench.cli.render import Cell, Column, Row, milliseconds, print_table
from workbench.config.pricing import load_prices
from workbench.errors import EngineUnreachable, InvalidParameter
from workbench.facade.workbench import Workbench
from workbench.model.function import FunctionConfiguration
from workbench.model.invocation import InvokeRequest, Origin
from workbench.model.names import target
from workbench.model.pricing import Prices
from workbench.model.report import VCPU_MB, megabytes
from workbench.model.tuning import TIE, SizeResult, best
from workbench.values import dataclass

_COLUMNS = (
    Column(title="memory", right=True),
    Column(title="cpus", right=True),
    Column(title="first call", right=True),
    Column(title="init", right=True),
    Column(title="p50", right=True),
    Column(title="p95", right=True),
    Column(title="peak", right=True),
    Column(title="per million", right=True),
    Column(title="", fold=True),
)


def prepare(arguments: Namespace) -> None:
    """Read what is to be sent. Raises `InvalidParameter` before anything is opened."""
    if arguments.payload is not None:
        arguments.payload = read_payload(arguments.payload)


async def run(arguments: Namespace, output: Output) -> int:
    """Measure one size after the other, then say which is the fastest and which the cheapest."""
    progress = Progress(output)
    async with opened(arguments) as workbench, narrated(workbench, output):
        request = await _request(workbench, arguments)
        configuration = workbench.catalog.function(arguments.function).configuration
        await workbench.environments.prepare(request.target.name)
        assert configuration is not None, "what can be prepared has a configuration"
        _check_limits(workbench)
        results: list[SizeResult] = []
        for size in arguments.sizes:
            shown = f"{request.target.name} at {size} MB"
            progress.begin(f"{shown}: first call")
            found = await workbench.tuning.measure(
                request,
                memory_mb=size,
                runs=arguments.runs,
                on_run=lambda done, shown=shown: progress.show(  # type: ignore[misc] # it is known
                    f"{shown}: {done} of {arguments.runs}"
                ),
            )
            results.append(found)
            progress.done(f"{shown}: {_line(found)}")
    sweep = _Sweep(results=tuple(results), configuration=configuration, prices=load_prices())
    if output.json:
        output.object(sweep.value(event=arguments.event, runs=arguments.runs))
    else:
        print_table(output, _COLUMNS, (sweep.row(result) for result in results))
    for note in sweep.notes(os.cpu_count() or 1):
        output.say(note)
    return Exit.FUNCTION_FAILED if any(one.failures for one in results) else Exit.SUCCESS


async def _request(workbench: Workbench, arguments: Namespace) -> InvokeRequest:
    name = workbench.catalog.function(arguments.function).name
    payload = arguments.payload or b""
    if arguments.event is not None:
        payload = await workbench.events.read(name, arguments.event)
    return InvokeRequest(
        target=target(name), payload=payload, origin=Origin.CLI, event=arguments.event
    )


def _check_limits(workbench: Workbench) -> None:
    """A size that limits nothing cannot be measured."""
    if not workbench.environments.engine.isolated:
        raise EngineUnreachable(
            cause="Memory sizes and the CPU that goes with them need containers",
            remedy="Run it with --engine docker.",
        )
    if not workbench.settings.memory_limits:
        raise InvalidParameter(
            "memory_limits = false in workbench.toml: containers without limits are all alike.",
            parameter="memory_limits",
        )


def _line(found: SizeResult) -> str:
    if found.failures:
        return f"failed: {found.failures[0]}"
    return f"p50 {milliseconds(found.percentile_ms(50))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sweep:
    """All of it, compared."""

    results: tuple[SizeResult, ...]
    configuration: FunctionConfiguration
    prices: Prices

    @property
    def fastest(self) -> SizeResult | None:
        return best(self.results, _p50, then=self.cost)

    @property
    def cheapest(self) -> SizeResult | None:
        return best(self.results, self.cost, then=_p50)

    def cost(self, result: SizeResult) -> float | None:
        """Dollars for a million warm invocations."""
        billed_ms = result.mean_billed_ms
        if billed_ms is None:
            return None
        return self.prices.per_million(
            billed_ms,
            memory_mb=result.memory_mb,
            architecture=self.configuration.architecture,
            storage_mb=self.configuration.ephemeral_storage_mb,
        )

    def row(self, result: SizeResult) -> Row:
        cold = None if result.cold is None else result.cold.measurements
        peak, cost = result.max_memory_bytes, self.cost(result)
        return [
            f"{result.memory_mb} MB",
            f"{result.cpus:.2f}",
            milliseconds(None if cold is None else cold.duration_ms),
            milliseconds(None if cold is None else cold.init_ms),
            milliseconds(result.percentile_ms(50)),
            milliseconds(result.percentile_ms(95)),
            "-" if peak is None else f"{megabytes(peak)} MB",
            "-" if cost is None else f"${cost:.2f}",
            self._mark(result),
        ]

    def _mark(self, result: SizeResult) -> Cell:
        if result.failures:
            count = len(result.failures)
            return Cell(f"{count} failed: {result.failures[0]}", "red")
        marks = [
            word
            for word, one in (("fastest", self.fastest), ("cheapest", self.cheapest))
            if one is result
        ]
        return Cell(", ".join(marks), "green")

    def notes(self, machine_cpus: int) -> list[str]:
        """What the table does not say."""
        prices = self.prices
        cost = (
            f"Per million: warm invocations on {self.configuration.architecture} in "
            f"{prices.region}, requests included, free tier not; prices of {prices.as_of} "
            f"({prices.source}). Times are this machine's, not AWS's."
        )
        ties = (
            f"Sizes within {TIE:.0%} of the best tie: of those the cheaper one is the fastest, the "
            "faster one the cheapest, then the smaller one. A size with a failure is neither."
        )
        said = [cost, ties]
        if any(one.cpus > machine_cpus for one in self.results):
            most = int(machine_cpus * VCPU_MB)
            said.append(f"This machine has {machine_cpus} CPUs: above {most} MB none are added.")
        return said

    def value(self, *, event: str | None, runs: int) -> dict[str, Any]:
        """What `--json` prints."""
        fastest, cheapest = self.fastest, self.cheapest
        return {
            "function": self.configuration.name,
            "event": event,
            "architecture": self.configuration.architecture,
            "runs": runs,
            "prices": {
                "as_of": self.prices.as_of.isoformat(),
                "source": self.prices.source,
                "region": self.prices.region,
            },
            "sizes": [self._size_value(result) for result in self.results],
            "fastest": None if fastest is None else fastest.memory_mb,
            "cheapest": None if cheapest is None else cheapest.memory_mb,
        }

    def _size_value(self, result: SizeResult) -> dict[str, Any]:
        cold = None if result.cold is None else result.cold.measurements
        peak, cost = result.max_memory_bytes, self.cost(result)
        return {
            "memory_mb": result.memory_mb,
            "cpus": round(result.cpus, 3),
            "cold_ms": None if cold is None else values.rounded(cold.duration_ms),
            "init_ms": None if cold is None else values.rounded(cold.init_ms),
            "init_split": None if cold is None else values.init_split(cold.split),
            "p50_ms": values.rounded(result.percentile_ms(50)),
            "p95_ms": values.rounded(result.percentile_ms(95)),
            "billed_ms": values.rounded(result.mean_billed_ms),
            "max_memory_mb": None if peak is None else megabytes(peak),
            "per_million_usd": None if cost is None else round(cost, 4),
            "measured": len(result.warm),
            "failures": list(result.failures),
        }


def _p50(result: SizeResult) -> float | None:
    return result.percentile_ms(50)

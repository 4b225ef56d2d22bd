"""`workbench doctor`: what keeps functions from running, and with --fix mending it."""

from __future__ import annotations

from argparse import Namespace

from workbench.cli import values
from workbench.cli.exits import Exit
from workbench.cli.narration import narrated
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.cli.terminal import examine_terminal
from workbench.facade.workbench import Workbench
from workbench.model.doctor import Finding, Health

_MARKS = {
    Health.GOOD: ("✔", "32"),
    Health.WARNING: ("▲", "33"),
    Health.BAD: ("✖", "31"),
    Health.UNKNOWN: ("?", "2"),
}
_BRIEF = (Health.WARNING, Health.BAD)
"""What somebody may have to act on."""


async def run(arguments: Namespace, output: Output) -> int:
    """Examine, mend if asked to, and report what is so afterwards."""
    async with opened(arguments, engine=False) as workbench, narrated(workbench, output):
        findings = await workbench.doctor.examine()
        if arguments.fix:
            findings = await _mended(workbench, findings, output)
    findings = (*findings, *examine_terminal(output))
    if arguments.brief:
        findings = tuple(each for each in findings if each.health in _BRIEF)
    if output.json:
        output.object([values.finding(finding) for finding in findings])
    else:
        for finding in findings:
            output.line(_text(finding, styled=output.stdout_styled))
    bad = any(finding.health is Health.BAD for finding in findings)
    return Exit.COULD_NOT if bad else Exit.SUCCESS


async def _mended(
    workbench: Workbench, findings: tuple[Finding, ...], output: Output
) -> tuple[Finding, ...]:
    """Act on what can be acted on, each thing once; what is found afterwards.

    An engine that was just installed has images that are missing: it goes round until nothing is new.
    """
    tried: set[str | None] = {None}
    while mendable := [f for f in findings if f.fix not in tried and f.health is not Health.GOOD]:
        tried |= {finding.fix for finding in mendable}
        for finding, error in await workbench.doctor.mend(mendable, output.say):
            output.say(f"{finding.subject}: {error}")
        findings = await workbench.doctor.examine()
    return findings


def _text(finding: Finding, *, styled: bool) -> str:
    mark, colour = _MARKS[finding.health]
    if styled:
        mark = f"\x1b[{colour}m{mark}\x1b[0m"
    lines = [f"{mark} {finding.subject}: {finding.detail}"]
    lines += [f"    {more}" for more in (finding.cause, finding.remedy) if more is not None]
    return "\n".join(lines)

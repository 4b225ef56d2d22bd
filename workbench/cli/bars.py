"""Builds as progress bars, for a terminal that takes them."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from workbench.cli.output import Output
from workbench.model.telemetry import BuildBroke, BuildFinished, BuildProgress, BuildStarted
from workbench.model.terminal_text import plain, safe

_LINE_CHARACTERS = 60


class BuildBars:
    """A bar for each build that runs; the newest line of its log beside it."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._console = Console(file=output.stderr, highlight=False, emoji=False, soft_wrap=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[line]}", markup=False, style="dim"),
            console=self._console,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def tell(self, value: BuildStarted | BuildProgress | BuildFinished | BuildBroke) -> None:
        """See `narration.Builds`."""
        match value:
            case BuildStarted():
                self._progress.start()
                self._tasks[value.subject] = self._progress.add_task(
                    _line(value.subject), total=None, line=""
                )
            case BuildProgress() if value.subject in self._tasks:
                self._progress.update(
                    self._tasks[value.subject],
                    completed=max(0, value.step - 1),
                    total=value.steps or None,
                    line=_line(value.line),
                )
            case BuildFinished():
                self._end(value.subject)
                self.say(f"Built {value.subject} in {value.took_s:.1f} s")
            case BuildBroke():
                self._end(value.subject)
                self.say(f"Building {value.subject} failed in {value.step}")

    def say(self, text: str) -> None:
        """See `narration.Builds`."""
        if self._tasks:
            self._console.print(Text.from_ansi(safe(text)))  # above the bars
        else:
            self._output.say(text)  # as it is, and quicker

    def close(self) -> None:
        """See `narration.Builds`."""
        self._progress.stop()

    def _end(self, subject: str) -> None:
        task = self._tasks.pop(subject, None)
        if task is not None:
            self._progress.remove_task(task)
        if not self._tasks:
            self._progress.stop()


def _line(text: str) -> str:
    return plain(safe(" ".join(text.split())))[:_LINE_CHARACTERS]

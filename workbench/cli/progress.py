"""One line on stderr that says how far a long command is: drawn over on a terminal, elsewhere only
what begins and what is done.
"""

from __future__ import annotations

from workbench.cli.output import Output

_CLEAR = "\r\x1b[K"


class Progress:
    """The line."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._shown = False

    def begin(self, text: str) -> None:
        """A part begins: where nothing can be drawn over, a line of its own."""
        if self._output.stderr_styled:
            self.show(text)
        else:
            self._output.say(text)

    def show(self, text: str) -> None:
        """Where it is now."""
        if self._output.stderr_styled:
            self._output.draw(f"{_CLEAR}{text}")
            self._shown = True

    def done(self, text: str) -> None:
        """A part is over: this stays."""
        if self._shown:
            self._output.draw(_CLEAR)
            self._shown = False
        self._output.say(text)

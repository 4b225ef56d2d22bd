"""One module for each command: `async def run(arguments, output)` answers with the exit code."""

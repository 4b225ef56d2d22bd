"""The composition root: builds every room, in order, and takes it down in reverse.

The only place that knows both sides of the ports, and the only one that constructs rooms. Invariant:
rooms that are slow to import (the container engine's client, HTTP) are imported when an engine is
opened, so that a screen can be painted before.
"""

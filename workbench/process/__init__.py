"""The embedded fallback: runtimes as plain local processes, with no isolation at all.

For machines without a container engine. Fits `ports.py` structurally, as docker/ does; every screen
says that it is in use. Invariant: the same Runtime API, states and outcomes as in a container.
"""

"""Frozen values and pure functions: what things are. No I/O, no asyncio, no clock.

Everyone may import it. Invariant: a value that exists is valid; it was checked at construction.
"""

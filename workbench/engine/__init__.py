"""Execution environments: who gets one, how it lives, how it dies.

Knows no screen, no HTTP, no SQL and no driver: what it needs of them stands in `ports.py`.
Invariant: an environment holds at most one invocation, and each accepted invocation gets exactly
one outcome.
"""

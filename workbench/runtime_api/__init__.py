"""What a function's runtime talks to: a session without I/O, and the HTTP around it.

Used by assembly alone; fits `ports.py` structurally. Invariant: one endpoint belongs to one
execution environment and cannot be reached by another.
Source: Lambda Developer Guide, "Using the Lambda runtime API"; states and error texts read in AWS's
runtime interface emulator.
"""

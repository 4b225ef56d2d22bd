"""The terminal. Knows the facade and Textual, nothing else.

Invariant: whatever it can do is a facade method; it never talks to an engine, a database or a socket.
"""

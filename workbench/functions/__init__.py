"""What functions exist, what code they mean now, and the one way to invoke them.

Between the facade and the engine. Invariant: `$LATEST` of a function means one `Version` at any
moment, and it changes in one synchronous step.
"""

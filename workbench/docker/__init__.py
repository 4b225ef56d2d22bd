"""The only room that speaks to the container engine: images, containers, the channel into them.

Used by assembly alone; fits `ports.py` structurally. Invariant: every call into the engine
runs in the threads of `client.EngineClient`, and nothing on the path of a warm invocation makes one.
"""

"""What a runtime's process reads and writes, where the workbench has the descriptors itself.

Used by the drivers; knows nothing of containers, processes or HTTP. Invariant: bytes of a request
are handed over only after the log lines that were written before them.
"""

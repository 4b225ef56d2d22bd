"""Takes memory, a few megabytes at a time.

The memory size of a function is a hard limit on all that its environment holds. Beyond it the kernel
kills the runtime: no exception, no last words but what was logged before. The environment's next
invocation starts a new runtime, with /tmp as it was and everything in memory gone.
"""

STEP_MB = 8


def handler(event, context):
    wanted = event["megabytes"]
    held = []
    for taken in range(STEP_MB, wanted + 1, STEP_MB):
        # Filled, because the kernel does not count pages that nobody has written to.
        held.append(bytearray(b"x") * (STEP_MB * 1024 * 1024))
        print(f"holding {taken} MB of {context.memory_limit_in_mb}")
    return {"held_mb": len(held) * STEP_MB}

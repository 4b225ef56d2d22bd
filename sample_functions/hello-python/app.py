"""The smallest function that still shows how Lambda runs one."""

import os

# What stands outside of the handler runs once, when an execution environment starts. What it
# makes is still there for the next invocation that the same environment gets.
GREETING = os.environ["GREETING"]
invocations = 0


def handler(event, context):
    """`event` is the JSON that was sent, `context` says who asks and how long there is."""
    global invocations
    invocations += 1

    name = event.get("name", "world")
    print(f"greeting {name}, with {context.get_remaining_time_in_millis()} ms left")

    return {
        "message": f"{GREETING}, {name}!",
        "invocation": invocations,  # 1 means that this was a cold start
        "stage": os.environ["STAGE"],
    }

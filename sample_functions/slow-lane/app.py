"""Works through pages, some of which take a while.

Lambda ends an invocation at its timeout in the middle of whatever it does: the caller gets
Sandbox.Timedout, and nothing of the work. A careful function looks at the clock and stops in time.
"""

import time

RESERVE_MS = 500
"""What it takes to save the work and answer."""


def handler(event, context):
    pages, seconds_each = event["pages"], event["seconds_each"]
    for page in range(1, pages + 1):
        if event.get("careful") and context.get_remaining_time_in_millis() < RESERVE_MS:
            print(f"stopping in time, before page {page}")
            return {"done": page - 1, "left": pages - page + 1}
        time.sleep(seconds_each)
        print(f"page {page} of {pages} is done")
    return {"done": pages, "left": 0}

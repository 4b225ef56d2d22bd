"""Starts AWS's own Python runtime client with the module search path that Lambda has.

Order, as in Lambda: the function, what it depends on, layers, what the runtime brings. A PYTHONPATH
of the function's own takes the place of the layers', as it does there.

Preloaded (_WORKBENCH_CLAIM_FD), it waits with the client imported until it is told whose it is: says
that it is ready with one byte, then takes its variables, each ended by NUL, up to the end. None that it
has by now is missing among them, but for those that the shell and Python set themselves.
"""

import _thread
import os
import site
import sys
import time

# Before a function's own json.py can take the place of Python's, and before anybody waits for it: all
# that the client imports, also what it puts off until it is run.
import awslambdaric.lambda_literals  # noqa: F401
from awslambdaric.__main__ import main

if sys.version_info >= (3, 12):
    import concurrent.futures.thread  # noqa: F401 - makes a thread for each question for work


def warm_up():
    """Do once what takes a process 1 ms and more the first time, and leaves nothing behind: compile, and
    start a thread, which is not `threading`'s, because that one counts them.
    """
    compile("def handler(event, context):\n    return event\n", "app.py", "exec")
    over = _thread.allocate_lock()
    over.acquire()
    _thread.start_new_thread(over.release, ())
    over.acquire()


def become_claimed(descriptor):
    warm_up()
    os.write(descriptor, b"Y")
    pieces = []
    while piece := os.read(descriptor, 65536):
        pieces.append(piece)
    os.close(descriptor)
    if not pieces:
        sys.exit(0)  # the workbench is gone
    for word in b"".join(pieces).split(b"\0")[:-1]:
        name, _, value = word.partition(b"=")
        os.environb[name] = value
    time.tzset()


if "_WORKBENCH_CLAIM_FD" in os.environ:
    become_claimed(int(os.environ.pop("_WORKBENCH_CLAIM_FD")))

UP = b"\xa5\x5a\x80\x00" + bytes(12)  # tells the workbench that what comes now is the function's own

try:
    os.write(int(os.environ["_LAMBDA_TELEMETRY_LOG_FD"]), UP)
except (KeyError, ValueError, OSError):
    pass  # a wrapper has closed it; then that moment is not known

RUNTIME = "/var/runtime"
TASK = os.environ["LAMBDA_TASK_ROOT"]
DEPENDENCIES = "/var/dependencies"
LAYERS = (
    f"/opt/python/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages",
    "/opt/python",
)

layers = LAYERS if os.environ.get("PYTHONPATH", RUNTIME) == RUNTIME else ()
mounted = [folder for folder in (DEPENDENCIES, *layers) if os.path.isdir(folder)]
folders = [TASK, *(folder for folder in mounted if os.listdir(folder))]
sys.path[:0] = folders
for folder in folders:
    site.addsitedir(folder)  # .pth files count, as in Lambda

main(["bootstrap", os.environ["_HANDLER"]])

"""Starts AWS's own Python runtime client with the module search path that Lambda has.

Order, as in Lambda: the function, what it depends on, layers, what the runtime brings. A PYTHONPATH
of the function's own takes the place of the layers', as it does there.
"""

import os
import site
import sys

from awslambdaric.__main__ import main  # before a function's own json.py can take the place of Python's

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

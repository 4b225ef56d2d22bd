"""Starts AWS's own Python runtime client with the module search path that Lambda has.

Order, as in Lambda: the function, what it depends on, layers, what the runtime brings. A PYTHONPATH
of the function's own takes the place of the layers', as it does there.

Preloaded (_WORKBENCH_CLAIM_FD), it waits with the client imported until it is told whose it is: says
that it is ready with one byte, then takes its variables, each ended by NUL, up to the end. None that it
has by now is missing among them, but for those that the shell and Python set themselves.
"""

import os
import site
import sys
import time

# Before a function's own json.py can take the place of Python's, and before anybody waits for it: all
# that the client imports, also what it puts off until it is run.
import awslambdaric.lambda_literals  # noqa: F401
from awslambdaric.__main__ import main

if sys.version_info >= (3, 12):
    import concurrent.futures.thread  # noqa: F401 - wanted when the client is made
    import _socket  # not `socket`, which a function would find imported

    import awslambdaric.lambda_runtime_client as client


def become_claimed(descriptor):
    compile("def handler(event, context):\n    return event\n", "app.py", "exec")  # the first takes 2 ms
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


class Questions:
    """Questions for work over a connection of their own.

    For Python 3.12 and later, AWS's client makes a thread for each, so that the function's signal
    handlers run while the main one waits: a third of a millisecond of each invocation. The main one can
    wait by itself, if it is Python that waits. Answers and errors stay the client's.
    """

    ASKED = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: %s\r\n\r\n"

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self._asked = self.ASKED % address.encode()
        self._socket = _socket.socket()
        self._socket.connect((host, int(port)))

    def ask(self):
        """The next event: its headers, names in lower case, and its bytes."""
        self._socket.sendall(self._asked)
        rest = self._receive()
        while b"\r\n\r\n" not in rest:
            rest += self._receive()
        head, _, body = rest.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        if not status.startswith("HTTP/1.1 200 "):
            raise RuntimeError(status)
        headers = {}
        for line in lines:
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        pieces, missing = [body], int(headers["content-length"]) - len(body)
        while missing:
            pieces.append(self._receive())
            missing -= len(pieces[-1])
        return headers, b"".join(pieces)

    def _receive(self):
        received = self._socket.recv(65536)
        if not received:
            raise ConnectionError("The Runtime API is gone.")
        return received


def wait_next_invocation(self):
    try:
        if not hasattr(self, "questions"):
            self.questions = Questions(self.lambda_runtime_address)
        headers, body = self.questions.ask()
    except Exception as error:
        raise client.FaultException(
            client.FaultException.LAMBDA_RUNTIME_CLIENT_ERROR,
            f"LAMBDA_RUNTIME Failed to get next invocation: {error}",
            None,
        ) from error
    return client.InvocationRequest(
        invoke_id=headers.get("lambda-runtime-aws-request-id"),
        x_amzn_trace_id=headers.get("lambda-runtime-trace-id"),
        invoked_function_arn=headers.get("lambda-runtime-invoked-function-arn"),
        deadline_time_in_ms=int(headers.get("lambda-runtime-deadline-ms", 0)),
        client_context=headers.get("lambda-runtime-client-context"),
        cognito_identity=headers.get("lambda-runtime-cognito-identity"),
        tenant_id=headers.get("lambda-runtime-aws-tenant-id"),
        content_type=headers.get("content-type"),
        event_body=body,
        invocation_id=headers.get("lambda-runtime-invocation-id"),
    )


if "_WORKBENCH_CLAIM_FD" in os.environ:
    become_claimed(int(os.environ.pop("_WORKBENCH_CLAIM_FD")))

if sys.version_info >= (3, 12):
    client.LambdaRuntimeClient.wait_next_invocation = wait_next_invocation

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

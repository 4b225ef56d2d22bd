"""A Python runtime client for where there is no container: Python's standard library and nothing else.

Takes the place of AWS's own client, which need not be installed on this machine, and answers as it
does: the same error types and texts, the same log records (tests/e2e/test_clients_agree.py compares
them). Run as `python -u process_client.py` (what is printed is passed on at once) with the variables
that Lambda sets; WORKBENCH_DEPENDENCIES names the folder of installed requirements, WORKBENCH_LAYERS what
stands for /opt.
"""

import decimal
import http.client
import importlib
import json
import logging
import math
import os
import re
import site
import sys
import time
import traceback
import uuid

API = "/2018-06-01/runtime"
XRAY_CAUSE_LIMIT = 1024 * 1024


class Fault(Exception):
    """What Lambda itself words: the handler never ran, or its answer cannot be sent."""

    def __init__(self, error_type, message, trace=()):
        super().__init__(message)
        self.error_type = error_type
        self.trace = list(trace)


class RuntimeApi:
    """The Runtime API over one kept-alive connection."""

    def __init__(self, address):
        self._connection = http.client.HTTPConnection(address, timeout=None)

    def next(self):
        """The next event: its headers and its bytes."""
        answer, body = self._call("GET", "/invocation/next")
        if answer.status != 200:
            sys.exit(f"The Runtime API answered {answer.status}: {body[:200]!r}")
        return answer.headers, body

    def respond(self, request_id, body, content_type):
        path = f"/invocation/{request_id}/response"
        self._call("POST", path, body, {"Content-Type": content_type})

    def fail(self, request_id, error, cause):
        headers = {"Lambda-Runtime-Function-XRay-Error-Cause": cause}
        self._call("POST", f"/invocation/{request_id}/error", to_json(error), headers)

    def fail_init(self, error):
        headers = {"Lambda-Runtime-Function-Error-Type": error["errorType"]}
        self._call("POST", "/init/error", to_json(error), headers)

    def _call(self, method, path, body=None, headers=()):
        self._connection.request(method, API + path, body, dict(headers))
        answer = self._connection.getresponse()
        return answer, answer.read()


# --- what a handler sees ------------------------------------------------------------------------------


class Named:
    """Values with fixed names; what was not sent is None."""

    names = ()

    def __init__(self, values):
        for name in self.names:
            setattr(self, name, values.get(name))

    def __repr__(self):
        shown = ",".join(f"{name}={getattr(self, name)}" for name in self.names)
        return f"{type(self).__name__}([{shown}])"


class CognitoIdentity(Named):
    names = ("cognito_identity_id", "cognito_identity_pool_id")


class Client(Named):
    names = (
        "installation_id",
        "app_title",
        "app_version_name",
        "app_version_code",
        "app_package_name",
    )


class ClientContext(Named):
    names = ("custom", "env", "client")

    def __init__(self, values):
        super().__init__(values)
        if self.client is not None:
            self.client = Client(self.client)


class LambdaContext(Named):
    """The second argument of a handler."""

    names = (
        "aws_request_id",
        "log_group_name",
        "log_stream_name",
        "function_name",
        "memory_limit_in_mb",
        "function_version",
        "invoked_function_arn",
        "client_context",
        "identity",
        "tenant_id",
    )

    def __init__(self, headers):
        client = parsed(headers, "Client Context")
        identity = parsed(headers, "Cognito Identity") or {}
        super().__init__(
            {
                "aws_request_id": headers["Lambda-Runtime-Aws-Request-Id"],
                "log_group_name": os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME"),
                "log_stream_name": os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME"),
                "function_name": os.environ.get("AWS_LAMBDA_FUNCTION_NAME"),
                "memory_limit_in_mb": os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
                "function_version": os.environ.get("AWS_LAMBDA_FUNCTION_VERSION"),
                "invoked_function_arn": headers.get("Lambda-Runtime-Invoked-Function-Arn"),
                "client_context": None if client is None else ClientContext(client),
                "identity": CognitoIdentity(
                    {
                        "cognito_identity_id": identity.get("cognitoIdentityId"),
                        "cognito_identity_pool_id": identity.get("cognitoIdentityPoolId"),
                    }
                ),
                "tenant_id": headers.get("Lambda-Runtime-Aws-Tenant-Id"),
            }
        )
        self._deadline_ms = int(headers.get("Lambda-Runtime-Deadline-Ms", 0))

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message):
        if any(isinstance(handler, LogHandler) for handler in logging.getLogger().handlers):
            SINK.write(str(message))
        else:
            sys.stdout.write(str(message))


def parsed(headers, what):
    text = headers.get(f"Lambda-Runtime-{what.replace(' ', '-')}")
    if not text:
        return None
    try:
        return json.loads(text.encode("latin-1"))  # http.client takes headers for Latin-1
    except ValueError as error:
        raise Fault(
            "Runtime.LambdaContextUnmarshalError", f"Unable to parse {what} JSON: {error}"
        ) from error


# --- JSON ---------------------------------------------------------------------------------------------

ASCII_ONLY = os.environ.get("AWS_EXECUTION_ENV") in {
    f"AWS_Lambda_python3.{minor}" for minor in range(8, 12)
}
_RAW = f"decimal-{uuid.uuid4().hex}:"
_RAW_IN_QUOTES = re.compile(f'"{_RAW}([^"]*)"')


def to_json(value):
    """As AWS's client writes it: decimals digit by digit, named tuples as objects, bytes as text."""
    if has_named_tuples(value):
        value = without_named_tuples(value)
    text = json.dumps(value, ensure_ascii=ASCII_ONLY, default=as_json)
    return _RAW_IN_QUOTES.sub(r"\1", text).encode() if _RAW in text else text.encode()


def as_json(value):
    if isinstance(value, decimal.Decimal):
        return math.nan if value.is_nan() else f"{_RAW}{value}"
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def has_named_tuples(value):
    seen, waiting = set(), [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, tuple) and hasattr(each, "_asdict"):
            return True
        if isinstance(each, dict | list | tuple) and id(each) not in seen:
            seen.add(id(each))
            waiting += each.values() if isinstance(each, dict) else each
    return False


def without_named_tuples(value):
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: without_named_tuples(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_named_tuples(each) for each in value]
    return value


def from_json(body):
    def refuse(_):
        raise ValueError("Expecting value: line 1 column 1 (char 0)")

    try:
        return json.loads(body, parse_constant=refuse)  # NaN is no JSON
    except ValueError as error:
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from error


# --- logs -----------------------------------------------------------------------------------------------

LOG_LEVEL = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper().replace("TRACE", "DEBUG")
JSON_LOGS = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
WARNING = (
    "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. "
    "However, in rare cases, a change of the interpreter on this machine can be the cause."
)
TIME = "%Y-%m-%dT%H:%M:%S"


class Sink:
    """Where log records go: framed to the descriptor that the platform names, else to stdout."""

    def __init__(self):
        descriptor = os.environ.pop("_LAMBDA_TELEMETRY_LOG_FD", None)
        self.framed = None if descriptor is None else os.fdopen(int(descriptor), "wb", 0)

    def tell_up(self):
        """Tell the workbench that what comes now is the function's own."""
        if self.framed is not None:
            self.framed.write(b"\xa5\x5a\x80\x00" + bytes(12))

    def write(self, text, level=None):
        if self.framed is None:
            sys.stdout.write(text)
            return
        message = text.encode("utf-8", "backslashreplace")
        number = 0 if level is None else min(50, max(0, level)) // 10
        kind = 0xA55A0002 | (not JSON_LOGS) | (number + 1 if number else 0) << 2
        stamp = time.time_ns() // 1000
        header = b"".join(n.to_bytes(s, "big") for n, s in ((kind, 4), (len(message), 4), (stamp, 8)))
        self.framed.write(header + message)


class LogHandler(logging.Handler):
    """The root logger's handler, as Lambda installs it."""

    request_id = ""

    def emit(self, record):
        known = JSON_LOGS or LOG_LEVEL
        SINK.write(self.format(record), record.levelno if known else None)

    def filter(self, record):
        record.aws_request_id = LogHandler.request_id
        return super().filter(record)


class JsonFormatter(logging.Formatter):
    """One object for each record."""

    ordinary = {*vars(logging.makeLogRecord({})), "aws_request_id", "exc_text", "taskName"}

    def format(self, record):
        kind, error, trace = record.exc_info or (None, None, None)
        whole = isinstance(record.msg, dict) and not record.args
        entry = {
            "timestamp": self.formatTime(record, TIME + "Z"),
            "level": logging.getLevelName(min(50, max(0, record.levelno)) // 10 * 10),
            "message": record.msg if whole else record.getMessage(),
            "logger": record.name,
            "stackTrace": traceback.format_tb(trace) if kind else None,
            "errorType": kind.__name__ if kind else None,
            "errorMessage": str(error) if kind else None,
            "requestId": record.aws_request_id,
            "location": f"{record.pathname}:{record.funcName}:{record.lineno}" if kind else None,
        }
        extra = {k: v for k, v in vars(record).items() if k not in self.ordinary and k not in entry}
        entry = {name: value for name, value in (entry | extra).items() if value is not None}
        return json.dumps(entry, ensure_ascii=False, default=str) + "\n"


def set_up_logging():
    form = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
    logging.Formatter.converter = time.gmtime
    handler = LogHandler()
    handler.setFormatter(JsonFormatter() if JSON_LOGS else logging.Formatter(form, TIME))
    logging.getLogger().addHandler(handler)
    if isinstance(logging.getLevelName(LOG_LEVEL), int):
        logging.getLogger().setLevel(LOG_LEVEL)


def log_error(error):
    if JSON_LOGS:
        stamp = time.strftime(TIME + "Z", time.gmtime())
        entry = {"timestamp": stamp, "level": "ERROR", **error}
        SINK.write(to_json(entry).decode(), logging.ERROR)
        return
    parts = [part for part in (error["errorType"], error["errorMessage"]) if part]
    lines = [f"[ERROR] {': '.join(parts)}", "Traceback (most recent call last):"]
    for line in "".join(f"{entry}\n" for entry in error["stackTrace"]).splitlines():
        if line:
            lines.append("\u00a0" * (len(line) - len(line.lstrip(" "))) + line.lstrip(" "))
    SINK.write("\n".join(lines) if SINK.framed else "\r".join(lines) + "\n", logging.ERROR)


# --- the handler ------------------------------------------------------------------------------------------


def load_handler(text):
    try:
        module_name, name = text.rsplit(".", 1)
    except ValueError as error:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{text}': {error}") from error
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault(
            "Runtime.BuiltInModuleConflict",
            f"Cannot use built-in module {module_name} as a handler module",
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault(
            "Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}"
        ) from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        raise Fault(
            "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", trace
        ) from error
    try:
        return getattr(module, name)
    except AttributeError as error:
        raise Fault(
            "Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{module_name}'"
        ) from error


def described(error, request_id=""):
    """An exception as Lambda returns it, and as X-Ray wants it."""
    frames = [(f.filename, f.lineno, f.name, f.line) for f in traceback.extract_tb(error.__traceback__)]
    while frames and frames[0][0] == __file__:
        del frames[0]  # ours are none of the function's business
    if isinstance(error, Fault):
        error_type, trace, frames = error.error_type, error.trace, []
    else:
        error_type, trace = type(error).__name__, traceback.format_list(frames)
    result = {
        "errorMessage": str(error),
        "errorType": error_type,
        "requestId": request_id,
        "stackTrace": trace,
    }
    stack = [{"label": name, "path": path, "line": line} for path, line, name, _ in frames]
    kind = "LambdaValidationError" if isinstance(error, Fault) else error_type
    cause = {
        "working_directory": os.getcwd(),
        "exceptions": [{"message": str(error), "type": kind, "stack": stack}],
        "paths": sorted({path for path, *_ in frames}),
    }
    text = json.dumps(cause)
    return result, text if len(text) < XRAY_CAUSE_LIMIT else ""


def answer(handler, headers, body):
    """The handler's answer to one event, as bytes and their type."""
    context = LambdaContext(headers)
    result = handler(from_json(body), context)
    if isinstance(result, bytes):
        return result, "application/unknown"
    try:
        return to_json(result), "application/json"
    except Exception as error:
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from error


def serve(api, handler):
    while True:
        headers, body = api.next()
        request_id = LogHandler.request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        trace_id = headers.get("Lambda-Runtime-Trace-Id")
        if trace_id:
            os.environ["_X_AMZN_TRACE_ID"] = trace_id
        else:
            os.environ.pop("_X_AMZN_TRACE_ID", None)
        try:
            result, content_type = answer(handler, headers, body)
        except Exception as error:
            failed, cause = described(error, request_id)
            log_error(failed)
            api.fail(request_id, failed, cause)
        else:
            api.respond(request_id, result, content_type)


def brought_along():
    """Folders of modules beside the function's own: what it depends on, then its layers. A PYTHONPATH of
    its own takes the place of the layers'.
    """
    dependencies = os.environ.pop("WORKBENCH_DEPENDENCIES", None)
    layers = os.environ.pop("WORKBENCH_LAYERS", None)
    folders = [dependencies] if dependencies else []
    runtime = os.environ.get("LAMBDA_RUNTIME_DIR")
    if layers and os.environ.get("PYTHONPATH", runtime) == runtime:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        folders += [f"{layers}/python/lib/{version}/site-packages", f"{layers}/python"]
    return [folder for folder in folders if os.path.isdir(folder) and os.listdir(folder)]


def main():
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    sys.dont_write_bytecode = True  # the code it runs from is a copy that must stay as it is
    sys.stdout.reconfigure(encoding="utf-8", errors="strict")
    sys.path[:1] = folders = [os.environ["LAMBDA_TASK_ROOT"], *brought_along()]
    for folder in folders:
        site.addsitedir(folder)  # .pth files count, as in Lambda
    set_up_logging()
    SINK.tell_up()
    try:
        handler = load_handler(os.environ["_HANDLER"])
    except Exception as error:
        failed, _ = described(error)
        logging.warning(WARNING)
        log_error(failed)
        api.fail_init(failed)
        sys.exit(1)
    serve(api, handler)


SINK = Sink()
if __name__ == "__main__":
    main()

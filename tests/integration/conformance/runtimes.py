"""What every runtime of a language keeps to, whichever client speaks for it, in a container or not."""

from __future__ import annotations

import json
from contextlib import AbstractAsyncContextManager

from tests.integration.conformance.stage import Stage
from workbench.model.container import LogStream
from workbench.model.invocation import OutcomeKind

STRANGE = {
    "text": '\u00e9 \u2028 \U0001f600 \\ "quoted" \n',
    "number": 1.5,
    "nothing": None,
    "": [],
}
MEGABYTE = 1024 * 1024

PYTHON = {
    "app.py": """\
import logging
import os
import sys

log = logging.getLogger()
log.setLevel("INFO")
calls = 0


def echo(event, context):
    return event


def count(event, context):
    global calls
    calls += 1
    return calls


def boom(event, context):
    raise LookupError("there is no \\u00e9")


def leave(event, context):
    print("last words")
    os._exit(3)


def unspeakable(event, context):
    return {"a set": {1, 2}}


def speak(event, context):
    print("printed")
    log.info("first\\nsecond")
    print("to stderr", file=sys.stderr)


def about(event, context):
    return {
        "request_id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "name": context.function_name,
        "version": context.function_version,
        "memory": context.memory_limit_in_mb,
        "left": context.get_remaining_time_in_millis(),
        "variables": dict(os.environ),
        "folder": os.getcwd(),
    }


def large(event, context):
    return "x" * event["size"]
""",
    "syntax.py": "def handler(:\n",
    "raising.py": 'raise OSError("not at import")\n',
    "needy.py": "import surely_not_installed\n",
    "package/module.py": "def handler(event, context):\n    return __name__\n",
}

NODE = {
    "index.js": """\
let calls = 0;
exports.echo = async (event) => event;
exports.count = async () => ++calls;
exports.boom = async () => { throw new RangeError("there is no \\u00e9"); };
exports.leave = () => { console.log("last words"); process.exit(3); };
exports.unspeakable = async () => { const a = {}; a.itself = a; return a; };
exports.speak = async () => { console.log("printed"); console.info("first\\nsecond"); };
exports.about = async (event, context) => ({
  request_id: context.awsRequestId,
  arn: context.invokedFunctionArn,
  name: context.functionName,
  version: context.functionVersion,
  memory: context.memoryLimitInMB,
  left: context.getRemainingTimeInMillis(),
  variables: process.env,
  folder: process.cwd(),
});
exports.large = async (event) => "x".repeat(event.size);
exports.callback = (event, context, callback) => callback(null, "called back");
exports.failingCallback = (event, context, callback) => callback(new Error("called back"));
exports.later = (event, context, callback) => { setTimeout(() => callback(null, "later"), 20); };
exports.waiting = (event, context, callback) => {
  setTimeout(() => console.log("the loop ran empty"), 20);
  callback(null, "answered");
};
exports.silent = () => {};
exports.rejecting = async () => { Promise.reject(new Error("nobody caught it")); await new Promise((r) => setTimeout(r, 200)); };
exports.inner = { handler: async () => "nested" };
""",
    "module.mjs": 'import path from "node:path";\nexport const handler = async () => path.basename("a/b");\n',
    "syntax.js": "exports.handler = (\n",
    "raising.js": 'throw new URIError("not at import");\n',
    "needy.js": 'require("surely-not-installed");\n',
    "package/module.js": "exports.handler = async () => __filename.split('/').pop();\n",
}


class RuntimeSuite:
    """The checks. A subclass says what is checked."""

    files: dict[str, str]
    module: str
    """The file that most handlers are in, as handlers name it."""
    raised: str
    """The type of what `boom` raises."""
    unspeakable: str | None
    """The error type of a result that is no JSON; `None`: any."""

    def stage(self) -> AbstractAsyncContextManager[Stage]:
        """Where functions of the runtime run."""
        raise NotImplementedError

    async def test_event_arrives_and_answer_leaves_as_they_are(self) -> None:
        async with self.stage() as stage:
            payload = json.dumps(STRANGE, ensure_ascii=False).encode()
            done = await stage.invoke(self.files, f"{self.module}.echo", payload)

        assert done.outcome.kind is OutcomeKind.SUCCESS
        assert done.answer == STRANGE

    async def test_five_megabytes_go_both_ways(self) -> None:
        async with self.stage() as stage:
            payload = json.dumps("y" * (5 * MEGABYTE)).encode()
            there = await stage.invoke(self.files, f"{self.module}.echo", payload)
            back = await stage.invoke(self.files, f"{self.module}.large", b'{"size": 5242880}')

        assert there.answer == "y" * (5 * MEGABYTE)
        assert back.answer == "x" * (5 * MEGABYTE)

    async def test_environment_remembers_and_outlives_an_error(self) -> None:
        async with self.stage() as stage:
            handler = f"{self.module}.count"
            first = await stage.invoke(self.files, handler)
            second = await stage.invoke(self.files, handler)

        assert (first.answer, second.answer) == (1, 2)
        assert first.record.environment_id == second.record.environment_id

    async def test_what_a_handler_raises_is_its_answer(self) -> None:
        async with self.stage() as stage:
            done = await stage.invoke(self.files, f"{self.module}.boom")
            again = await stage.invoke(self.files, f"{self.module}.boom")

        assert done.outcome.kind is OutcomeKind.ERROR
        assert done.outcome.error_type == self.raised
        assert "there is no \u00e9" in done.answer["errorMessage"]
        assert self.trace_names(done.answer, self.module)
        assert any(self.raised in text for text in done.texts())
        assert again.record.environment_id == done.record.environment_id

    async def test_result_that_is_no_json_is_an_error(self) -> None:
        async with self.stage() as stage:
            done = await stage.invoke(self.files, f"{self.module}.unspeakable")

        assert done.outcome.kind is OutcomeKind.ERROR
        assert self.unspeakable in (None, done.outcome.error_type)

    async def test_runtime_that_exits_is_an_exit_error(self) -> None:
        async with self.stage() as stage:
            done = await stage.invoke(self.files, f"{self.module}.leave")
            after = await stage.invoke(self.files, f"{self.module}.leave")

        for each in (done, after):
            assert each.outcome.kind is OutcomeKind.EXIT
            assert each.answer["errorMessage"].endswith("exit status 3")
            assert any("last words" in text for text in each.texts())

    async def test_missing_handler_is_found_at_init(self) -> None:
        async with self.stage() as stage:
            done = await stage.invoke(self.files, f"{self.module}.nope")

        assert done.outcome.kind is OutcomeKind.INIT_ERROR
        assert done.outcome.error_type == "Runtime.HandlerNotFound"

    async def test_missing_module_is_found_at_init(self) -> None:
        async with self.stage() as stage:
            none = await stage.invoke(self.files, "nothing.handler")
            inner = await stage.invoke(self.files, "needy.handler")

        assert none.outcome.error_type == "Runtime.ImportModuleError"
        assert inner.outcome.error_type == "Runtime.ImportModuleError"
        assert "surely" in inner.answer["errorMessage"]

    async def test_syntax_error_is_found_at_init(self) -> None:
        async with self.stage() as stage:
            done = await stage.invoke(self.files, "syntax.handler")

        assert done.outcome.kind is OutcomeKind.INIT_ERROR
        assert done.outcome.error_type == "Runtime.UserCodeSyntaxError"

    async def test_what_is_raised_while_loading_keeps_its_name(self) -> None:
        async with self.stage() as stage:
            done = await stage.invoke(self.files, "raising.handler")

        assert done.outcome.kind is OutcomeKind.INIT_ERROR
        assert done.outcome.error_type in ("OSError", "URIError")
        assert done.answer["errorMessage"] == "not at import"

    async def test_handler_in_a_folder_is_found(self) -> None:
        async with self.stage() as stage:
            done = await stage.invoke(self.files, "package/module.handler")

        assert done.outcome.kind is OutcomeKind.SUCCESS
        assert "module" in done.answer

    async def test_log_record_is_one_entry_with_its_request(self) -> None:
        async with self.stage() as stage:
            done = await stage.invoke(self.files, f"{self.module}.speak")

        records = [text for text in done.texts(LogStream.FRAMED) if "first" in text]
        assert len(records) == 1
        assert records[0].endswith("first\nsecond")
        assert done.record.request_id in records[0]
        assert any("printed" in text for text in done.texts())

    async def test_handler_is_told_about_its_invocation(self) -> None:
        async with self.stage() as stage:
            done = await stage.invoke(
                self.files,
                f"{self.module}.about",
                variables={"OWN": "mine", "AWS_XRAY_CONTEXT_MISSING": "IGNORE_ERROR"},
                timeout_s=30,
            )
            runtime = stage.runtime

        said = done.answer
        variables = said["variables"]
        assert said["request_id"] == done.record.request_id
        assert said["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:orders"
        assert (said["name"], said["version"], said["memory"]) == ("orders", "$LATEST", "512")
        assert 0 < said["left"] <= 30_000
        assert variables["OWN"] == "mine"
        assert variables["AWS_XRAY_CONTEXT_MISSING"] == "IGNORE_ERROR"
        assert variables["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{runtime.name}"
        assert variables["_HANDLER"] == f"{self.module}.about"
        assert variables["_X_AMZN_TRACE_ID"].startswith("Root=1-")
        assert variables["LAMBDA_TASK_ROOT"] == said["folder"]
        assert not {"_LAMBDA_TELEMETRY_LOG_FD", "WORKBENCH_DEPENDENCIES"} & variables.keys()

    def trace_names(self, error: dict[str, list[str]], module: str) -> bool:
        """The error's stack names the function's own file, first."""
        raise NotImplementedError


class PythonSuite(RuntimeSuite):
    """Of Python."""

    files = PYTHON
    module = "app"
    raised = "LookupError"
    unspeakable = "Runtime.MarshalError"

    def trace_names(self, error: dict[str, list[str]], module: str) -> bool:
        return f"{module}.py" in error["stackTrace"][0]

    async def test_handler_without_a_dot_is_malformed(self) -> None:
        async with self.stage() as stage:
            done = await stage.invoke(self.files, "app")

        assert done.outcome.error_type == "Runtime.MalformedHandlerName"

    async def test_module_of_the_interpreter_is_refused(self) -> None:
        async with self.stage() as stage:
            done = await stage.invoke(self.files, "sys.exit")

        assert done.outcome.error_type == "Runtime.BuiltInModuleConflict"


class NodeSuite(RuntimeSuite):
    """Of Node."""

    files = NODE
    module = "index"
    raised = "RangeError"
    unspeakable = None

    def trace_names(self, error: dict[str, list[str]], module: str) -> bool:
        return f"{module}.js" in error["trace"][1]

    async def test_handlers_may_call_back(self) -> None:
        async with self.stage() as stage:
            answers = [
                (await stage.invoke(self.files, f"index.{name}")).answer
                for name in ("callback", "later", "silent")
            ]
            failed = await stage.invoke(self.files, "index.failingCallback")

        assert answers == ["called back", "later", None]
        assert failed.outcome.error_type == "Error"
        assert failed.outcome.error_message == "called back"

    async def test_answer_of_a_callback_waits_until_nothing_is_going_on(self) -> None:
        async with self.stage() as stage:
            done = await stage.invoke(self.files, "index.waiting")

        assert done.answer == "answered"
        assert any("the loop ran empty" in text for text in done.texts())

    async def test_rejection_that_nobody_catches_ends_the_runtime(self) -> None:
        async with self.stage() as stage:
            done = await stage.invoke(self.files, "index.rejecting")

        assert done.outcome.error_type == "Runtime.UnhandledPromiseRejection"

    async def test_modules_of_both_kinds_and_nested_exports_are_found(self) -> None:
        async with self.stage() as stage:
            module = await stage.invoke(self.files, "module.handler")
            nested = await stage.invoke(self.files, "index.inner.handler")

        assert module.answer == "b"
        assert nested.answer == "nested"

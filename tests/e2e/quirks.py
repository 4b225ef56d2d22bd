"""Handlers that show how a runtime client behaves at the edges: what they return, raise and log."""

from __future__ import annotations

PYTHON = {
    "quirks.py": """
import collections, datetime, decimal, json, logging, os, sys

Point = collections.namedtuple("Point", "x y")

class Own(Exception):
    pass

class Tool:
    def __call__(self, event, context):
        return "called"

tool = Tool()
circle = []
circle.append(circle)
VALUES = {
    "none": None, "float": 1.5, "nan": float("nan"), "infinite": float("inf"),
    "decimal": decimal.Decimal("1.10"), "whole decimal": decimal.Decimal(5),
    "large decimal": decimal.Decimal("123456789012345678901234567890.123"),
    "odd decimal": decimal.Decimal("NaN"), "bytes": b'{"raw":1}', "bytes inside": {"a": b"x"},
    "surrogate": "\\ud83d", "tuple": (1, 2), "keys": {1: 2, None: 3, True: 4, 1.5: 5},
    "bad key": {(1, 2): 3}, "set": {1}, "date": datetime.date(2020, 1, 1), "circle": circle,
    "named": Point(1, 2), "named inside": {"p": [Point(1, 2)]}, "large": 10**30, "zero": -0.0,
    "text": "\\u00e9\\u20ac\\U0001f600\\u2028", "controls": "\\x00\\x1f\\x7f",
}

def value(event, context):
    return VALUES[event]

def raises(event, context):
    if event == "plain":
        raise ValueError("x")
    if event == "empty":
        raise Exception()
    if event == "own":
        raise Own("\\u00e9\\nsecond line", 2)
    if event == "group":
        raise ExceptionGroup("g", [ValueError(1), KeyError(2)])
    if event == "chained":
        try:
            1 / 0
        except ZeroDivisionError as error:
            raise Own("outer") from error
    if event == "endless":
        return raises(event, context)
    if event == "library":
        return json.loads("{bad")
    if event == "inner":
        def inner():
            raise Own("in")
        inner()
    if event == "large":
        raise Own("x" * 300_000)

def logs(event, context):
    log = logging.getLogger()
    if event == "levels":
        for level in (10, 20, 25, 30, 40, 50, 60):
            log.log(level, "at %s", level)
    if event == "traceback":
        try:
            1 / 0
        except ZeroDivisionError:
            log.exception("failed")
    if event == "named":
        logging.getLogger("my.logger").warning("named", extra={"more": 1})
    if event == "lines":
        log.warning("a\\nb\\n")
    if event == "object":
        log.warning({"a": 1})
    if event == "context":
        context.log("from context")
    if event == "printed":
        print("printed"); print("no end", end="")

def about(event, context):
    client = context.client_context
    return {
        "client": None if client is None else [client.custom, client.env, str(client.client)],
        "identity": str(context.identity),
        "left": context.get_remaining_time_in_millis() > 0,
        "trace": os.environ["_X_AMZN_TRACE_ID"][:6],
        "streams": [sys.stdout.encoding, sys.stdout.errors, sys.stdin.read()],
    }

def event_of(event, context):
    return [type(event).__name__, repr(event)]

async def coroutine(event, context):
    return 1
""",
    "syntax.py": "def handler(:\n",
    "needy.py": "from os import surely_not\n",
    "broken.py": "import inside\n",
    "inside.py": "1/0\n",
    "leaves.py": 'import sys\nprint("bye")\nsys.exit(3)\n',
    "json.py": "",
}

NODE = {
    "quirks.js": """
class Own extends Error {
  constructor(message) { super(message); this.name = "Own"; this.code = "E_OWN"; this.more = { a: 1 }; }
}
const circle = {};
circle.self = circle;
const VALUES = {
  undefined, null: null, number: 1.5, nan: NaN, big: 10n, text: "\\u00e9\\u{1f600}\\u2028", lone: "\\ud83d",
  date: new Date(0), map: new Map([[1, 2]]), buffer: Buffer.from("x"), function: () => 1,
  symbol: Symbol("s"), circle, custom: { toJSON() { return "j"; } },
  throwing: { toJSON() { throw new Own("no"); } }, holes: [undefined, () => 1, NaN],
  error: new Error("as a value"),
};
exports.value = async (event) => VALUES[event];
exports.raises = async (what) => {
  if (what === "plain") throw new Error("x");
  if (what === "own") throw new Own("\\u00e9\\nsecond line");
  if (what === "text") throw "a string";
  if (what === "number") throw 5;
  if (what === "undefined") throw undefined;
  if (what === "object") throw { a: 1 };
  if (what === "alike") throw { name: "Fake", message: "m", stack: "Fake: m\\n  at x" };
  if (what === "cause") throw new Error("outer", { cause: new Error("inner") });
  if (what === "library") JSON.parse("{bad");
  if (what === "no stack") { const error = new Error("ns"); error.stack = undefined; throw error; }
  if (what === "empty") throw new Error();
  if (what === "controls") throw new Error("\\x00\\x7f");
  if (what === "system") require("fs").readFileSync("/nope");
  if (what === "large") throw new Error("x".repeat(300000));
};
exports.sync = () => "ignored";
exports.syncRaises = () => { throw new Own("sync"); };
exports.laterRaises = () => { setTimeout(() => { throw new Own("later"); }, 5); };
exports.callbackError = (event, context, callback) => callback(new Own("cb"));
exports.callbackText = (event, context, callback) => callback("text");
exports.callbackFalse = (event, context, callback) => callback(false, 1);
exports.callbackTwice = (event, context, callback) => { callback(null, 1); callback(null, 2); };
exports.callbackFirst = async (event, context, callback) => { callback(null, "callback"); return "promise"; };
exports.done = (event, context) => context.done(null, "done");
exports.succeed = (event, context) => context.succeed("succeeded");
exports.fail = (event, context) => context.fail();
exports.thenable = () => ({ then(resolve) { resolve("thenable"); } });
exports.rejects = async () => {
  setTimeout(() => Promise.reject(new Own("rejected")), 5);
  await new Promise((resolve) => setTimeout(resolve, 200));
};
exports.logs = async (what) => {
  if (what === "levels") for (const name of ["trace", "debug", "info", "log", "warn", "error"]) console[name](name);
  if (what === "many") console.log("a", 1, { a: { b: { c: { d: 1 } } } }, [1, 2], null, undefined);
  if (what === "format") console.log("%s %d %j %%", "s", 5, { a: 1 });
  if (what === "error") console.error("message", new Own("logged"));
  if (what === "lines") console.log("a\\nb\\n");
  if (what === "nothing") console.log();
};
exports.about = async (event, context) => ({
  names: Object.keys(context).sort(),
  client: context.clientContext ?? "none",
  left: context.getRemainingTimeInMillis() > 0,
  trace: process.env._X_AMZN_TRACE_ID.slice(0, 6),
});
exports.eventOf = async (event) => [typeof event, JSON.stringify(event)];
exports.nested = { deep: { handler: async () => "deep" } };
exports.streams = awslambda.streamifyResponse(async (event, stream) => {
  stream.write("one ");
  stream.write({ two: 2 });
  stream.end();
});
""",
    "module.mjs": "export const handler = async () => 'esm';\nexport const value = await Promise.resolve(1);\n",
    "common.cjs": "exports.handler = async () => 'cjs';\n",
    "typed/package.json": '{"type": "module"}',
    "typed/index.js": "export const handler = async () => 'typed';\n",
    "syntax.js": "exports.handler = (\n",
    "syntax2.mjs": "export const handler = (\n",
    "raising.js": "throw new URIError('not at import');\n",
    "leaves.js": "process.exit(3);\n",
    "between.js": "setTimeout(() => { throw new Error('between'); }, 1500);\nexports.handler = async () => 1;\n",
}

PYTHON_WARM: list[tuple[str, object]] = [
    *(
        ("quirks.value", name)
        for name in (
            "none", "float", "nan", "infinite", "decimal", "whole decimal", "large decimal",
            "odd decimal", "bytes", "bytes inside", "surrogate", "tuple", "keys", "bad key", "set",
            "date", "circle", "named", "named inside", "large", "zero", "text", "controls",
        )
    ),
    *(
        ("quirks.raises", name)
        for name in (
            "plain", "empty", "own", "group", "chained", "endless", "library", "inner", "large",
        )
    ),
    *(
        ("quirks.logs", name)
        for name in ("levels", "traceback", "named", "lines", "object", "context", "printed")
    ),
    ("quirks.about", {}),
    ("quirks.tool", {}),
]  # fmt: skip

NODE_WARM: list[tuple[str, object]] = [
    *(
        ("quirks.value", name)
        for name in (
            "undefined", "null", "number", "nan", "big", "text", "lone", "date", "map", "buffer",
            "function", "symbol", "circle", "custom", "throwing", "holes", "error",
        )
    ),
    *(
        ("quirks.raises", name)
        for name in (
            "plain", "own", "text", "number", "undefined", "object", "alike", "cause", "library",
            "no stack", "empty", "controls", "system", "large",
        )
    ),
    *(
        ("quirks.logs", name)
        for name in ("levels", "many", "format", "error", "lines", "nothing")
    ),
    ("quirks.about", {}),
]  # fmt: skip

PYTHON_COLD = (
    "quirks.nothing", "quirks.VALUES", "syntax.handler", "needy.handler", "broken.handler",
    "leaves.handler", "absent.handler", "quirks", "time.sleep", "../quirks.about",
)  # fmt: skip

NODE_COLD = (
    "quirks.sync", "quirks.syncRaises", "quirks.laterRaises", "quirks.callbackError",
    "quirks.callbackText", "quirks.callbackFalse", "quirks.callbackTwice", "quirks.callbackFirst",
    "quirks.done", "quirks.succeed", "quirks.fail", "quirks.thenable", "quirks.rejects",
    "quirks.nested.deep.handler", "quirks.nested.deep", "quirks.nothing", "quirks.streams",
    "module.handler", "module.value", "common.handler", "typed/index.handler", "syntax.handler",
    "syntax2.handler", "raising.handler", "leaves.handler", "absent.handler", "quirks",
    "../quirks.about", "between.handler",
)  # fmt: skip

EVENTS = (
    b"not json",
    b"",
    b"\xff",
    b"NaN",
    b'{"a":1,"a":2}',
    b'"\\ud83d"',
    b"null",
    b' {"a": 1.10} ',
)

CONTEXTS = (
    b"{}",
    b'{"custom":{"a":"x"},"env":{"l":1},"client":{"installation_id":"i","app_title":"t","more":1}}',
    b"not json",
    '{"custom":{"\u00fc":"\u20ac"}}'.encode(),
)

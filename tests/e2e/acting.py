"""One function in three languages, which does what its event says. See `ACTORS`.

The event is `{"do": WHAT, …}`. What can go wrong with a runtime goes wrong in the same words here,
so that one test can ask all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PYTHON = """\
import ctypes, json, os, signal, subprocess, sys, threading, time

calls = 0


def handler(event, context):
    global calls
    calls += 1
    what = event["do"]
    if what == "echo":
        return event["value"]
    if what == "length":
        return len(event["value"])
    if what == "size":
        return "x" * event["bytes"]
    if what == "fail":
        raise LookupError("there is no \\u00e9")
    if what == "unserialisable":
        return {"a set": {1, 2}}
    if what == "exit":
        print("last words", flush=True)
        os._exit(event["code"])
    if what == "signal":
        os.kill(os.getpid(), event["number"])
        time.sleep(60)
    if what == "segfault":
        ctypes.string_at(0)
    if what == "sleep":
        print("sleeping", flush=True)
        time.sleep(3600)
    if what == "ignore":
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        while True:
            print("still here", flush=True)
            time.sleep(0.05)
    if what == "fill":
        held = []
        while True:
            held.append(bytearray(b"x") * 4_000_000)
            print("holding", len(held) * 4, flush=True)
    if what == "fill in a child":
        eat = "held = []\\nwhile True: held.append(bytearray(b'x') * 4_000_000)"
        return subprocess.run([sys.executable, "-c", eat]).returncode
    if what == "remember":
        with open("/tmp/calls", "a") as file:
            file.write("x")
        return [calls, os.path.getsize("/tmp/calls")]
    if what == "close stdout":
        os.close(1)
        os.close(2)
        return "closed"
    if what == "leave a child":
        subprocess.Popen(["sh", "-c", "trap '' TERM HUP; while :; do sleep 0.05; done"],
                         start_new_session=True)
        return "left"
    if what == "processes":
        return processes()
    if what == "interleave":
        for number in range(event["lines"]):
            os.write(1 + number % 2, b"line %d\\n" % number)
            time.sleep(event["apart_s"])
        return None
    if what == "print":
        print(event["text"], end="", flush=True)
        return None
    raise NotImplementedError(what)


def processes():
    names = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with open(f"/proc/{pid}/stat") as file:
            names.append(file.read().split("(")[1].split(")")[0])
    return sorted(names)
"""

NODE = """\
import { execFileSync, spawn, spawnSync } from "node:child_process";
import fs from "node:fs";

let calls = 0;
const forever = () => new Promise(() => setInterval(() => {}, 1000));

export const handler = async (event) => {
  calls += 1;
  switch (event.do) {
    case "echo": return event.value;
    case "length": return event.value.length;
    case "size": return "x".repeat(event.bytes);
    case "fail": throw Object.assign(new Error("there is no \\u00e9"), { name: "LookupError" });
    case "unserialisable": return { big: 1n };
    case "exit": fs.writeSync(1, "last words\\n"); process.reallyExit(event.code); break;
    case "signal": process.kill(process.pid, event.number); return forever();
    case "segfault": process.kill(process.pid, 11); return forever();
    case "sleep": fs.writeSync(1, "sleeping\\n"); return forever();
    case "ignore":
      for (const name of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(name, () => {});
      setInterval(() => fs.writeSync(1, "still here\\n"), 50);
      return forever();
    case "fill": {
      const held = [];
      for (;;) {
        held.push(Buffer.alloc(4_000_000, 1));
        fs.writeSync(1, `holding ${held.length * 4}\\n`);
      }
    }
    case "fill in a child": {
      const eat = "const held = []; for (;;) held.push(Buffer.alloc(4_000_000, 1));";
      const ended = spawnSync(process.execPath, ["-e", eat]);
      return ended.signal === "SIGKILL" ? -9 : ended.status;
    }
    case "remember":
      fs.appendFileSync("/tmp/calls", "x");
      return [calls, fs.statSync("/tmp/calls").size];
    case "close stdout": fs.closeSync(1); fs.closeSync(2); return "closed";
    case "leave a child":
      spawn("sh", ["-c", "trap '' TERM HUP; while :; do sleep 0.05; done"],
            { detached: true, stdio: "inherit" }).unref();
      return "left";
    case "processes": return processes();
    case "interleave":
      for (let number = 0; number < event.lines; number++) {
        fs.writeSync(1 + (number % 2), `line ${number}\\n`);
        if (event.apart_s) await new Promise((go) => setTimeout(go, event.apart_s * 1000));
      }
      return null;
    case "print": fs.writeSync(1, event.text); return null;
  }
  throw new Error(`what is ${event.do}?`);
};

const processes = () => fs.readdirSync("/proc").filter((pid) => /^\\d+$/.test(pid))
  .map((pid) => fs.readFileSync(`/proc/${pid}/stat`, "utf-8").split("(")[1].split(")")[0]).sort();
"""

SHELL = """\
#!/bin/bash
# The whole of a runtime: asks, does, answers.
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
calls=0

respond() { curl -s -o /dev/null --data-binary "$1" "$api/$id/response"; }
respond_file() { curl -s -o /dev/null --data-binary "@$1" "$api/$id/response"; }
of() { grep -o "\\"$1\\": *\\"*[^\\",}]*" /tmp/event | head -n 1 | sed 's/^[^:]*: *"*//'; }

while true; do
  curl -s -D /tmp/headers -o /tmp/event "$api/next"
  id=$(grep -i '^lambda-runtime-aws-request-id:' /tmp/headers | tr -d '[:space:]' | cut -d : -f 2)
  calls=$((calls + 1))
  case $(of do) in
    echo) sed -e 's/^{"do": "echo", "value": //' -e 's/}$//' /tmp/event >/tmp/answer
          respond_file /tmp/answer ;;
    length) of value | tr -d '\\n' | wc -c >/tmp/answer; respond_file /tmp/answer ;;
    size) { printf '"'; head -c "$(of bytes)" /dev/zero | tr '\\0' x; printf '"'; } >/tmp/answer
          respond_file /tmp/answer ;;
    fail) curl -s -o /dev/null --data-binary '{"errorType":"LookupError","errorMessage":"there is no é"}' \\
            "$api/$id/error" ;;
    exit) echo "last words"; exit "$(of code)" ;;
    signal) kill -"$(of number)" $$; sleep 60 ;;
    segfault) kill -SEGV $$; sleep 60 ;;
    sleep) echo sleeping; sleep 3600 ;;
    ignore) trap '' TERM INT HUP; while :; do echo still here; sleep 0.05; done ;;
    fill) echo "holding 0"; printf -v held '%*s' 500000000 '' ;;
    "fill in a child") bash -c "printf -v held '%*s' 500000000 ''"; code=$?
          respond $((code > 128 ? 128 - code : code)) ;;
    remember) printf x >>/tmp/calls; respond "[$calls, $(wc -c </tmp/calls)]" ;;
    "close stdout") exec >&- 2>&-; respond '"closed"' ;;
    "leave a child") setsid sh -c "trap '' TERM HUP; while :; do sleep 0.05; done" & respond '"left"' ;;
    processes) names=$(cat /proc/[0-9]*/stat 2>/dev/null | sed 's/^[^(]*(//; s/).*//' | sort)
          respond "[\\"${names//$'\\n'/\\",\\"}\\"]" ;;
    interleave) for ((n = 0; n < $(of lines); n++)); do
            echo "line $n" >&$((1 + n % 2)); [ "$(of apart_s)" = 0 ] || sleep "$(of apart_s)"
          done
          respond null ;;
    print) printf "$(of text)"; respond null ;;
  esac
done
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The function in one language."""

    runtime: str
    files: Mapping[str, str]
    handler: str


def _python(runtime: str) -> Actor:
    return Actor(runtime=runtime, files={"app.py": PYTHON}, handler="app.handler")


def _node(runtime: str) -> Actor:
    return Actor(runtime=runtime, files={"index.mjs": NODE}, handler="index.handler")


ACTORS = {
    actor.runtime: actor
    for actor in (
        _python("python3.11"),
        _python("python3.13"),
        _node("nodejs20.x"),
        _node("nodejs22.x"),
        Actor(runtime="provided.al2023", files={"bootstrap": SHELL}, handler="acts"),
    )
}

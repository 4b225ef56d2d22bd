"""One function in three languages that looks at what it runs in: files, what can be written, variables.

What is asked is asked of the runtime's own process, not of a program beside it.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from typing import Any

from tests.e2e.live import PATIENCE_S, Live
from workbench.model.names import FunctionName

PYTHON = """\
import base64, errno, os

def read(event):
    with open(event["path"], "rb") as file:
        return file.read()

def write(event):
    try:
        with open(event["path"], "wb", buffering=0) as file:
            left = event["bytes"]
            while left:
                left -= file.write(bytes(min(left, 1 << 20)))
    finally:
        if os.path.exists(event["path"]):
            os.remove(event["path"])
    return b""

def variables(event):
    return b"\\0".join(name + b"=" + value for name, value in os.environb.items())

def cwd(event):
    return os.getcwdb()

def quota():
    for path in ("/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"):
        if os.path.exists(path):
            with open(path) as file:
                return file.read().encode()

AT_INIT = quota()

def at_init(event):
    return AT_INIT

def handler(event, context):
    try:
        return base64.b64encode(globals()[event["do"]](event)).decode()
    except OSError as error:
        return {"refused": errno.errorcode[error.errno]}
"""

NODE = """\
import fs from "node:fs";

const write = ({ path, bytes }) => {
  const file = fs.openSync(path, "w");
  try {
    const piece = Buffer.alloc(1 << 20);
    for (let left = bytes; left > 0;) left -= fs.writeSync(file, piece, 0, Math.min(left, 1 << 20));
  } finally {
    fs.closeSync(file);
    fs.rmSync(path);
  }
  return "";
};

const deeds = {
  read: ({ path }) => fs.readFileSync(path),
  write,
  variables: () => Object.entries(process.env).map(([name, value]) => `${name}=${value}`).join("\\0"),
  cwd: () => process.cwd(),
};

export const handler = async (event) => {
  try {
    return Buffer.from(deeds[event.do](event)).toString("base64");
  } catch (error) {
    return { refused: error.code };
  }
};
"""

SHELL = """\
#!/bin/bash
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation

of() { grep -o "\\"$1\\": *\\"*[^\\",}]*" /tmp/event | head -n 1 | sed 's/^[^:]*: *"*//'; }
encoded() { printf '"%s"' "$(base64 -w 0 "$@")"; }
write() { { head -c "$2" /dev/zero >"$1"; } 2>&1; local status=$?; rm -f "$1" 2>/dev/null; return $status; }
refused() {
  case $1 in
    *"Read-only file system"*) echo '{"refused": "EROFS"}' ;;
    *"No space left"*) echo '{"refused": "ENOSPC"}' ;;
    *) echo '{"refused": "another way"}' ;;
  esac
}

while true; do
  curl -s -D /tmp/headers -o /tmp/event "$api/next"
  id=$(grep -i '^lambda-runtime-aws-request-id:' /tmp/headers | tr -d '[:space:]' | cut -d : -f 2)
  path=$(of path)
  case $(of do) in
    read) if [ -r "${path/self/$$}" ]; then encoded "${path/self/$$}"; else refused; fi ;;
    write) if said=$(write "$path" "$(of bytes)"); then echo '""'; else refused "$said"; fi ;;
    variables) env -0 | encoded ;;
    cwd) pwd -P | tr -d '\\n' | encoded ;;
  esac >/tmp/answer
  curl -s -o /dev/null --data-binary @/tmp/answer "$api/$id/response"
done
"""

_FILES = {
    "python3.13": ({"app.py": PYTHON}, "app.handler"),
    "nodejs22.x": ({"index.mjs": NODE}, "index.handler"),
    "provided.al2023": ({"bootstrap": SHELL}, "looks"),
}


@dataclass(frozen=True, slots=True)
class Looker:
    """The function in one runtime, and its one environment."""

    live: Live
    runtime: str
    handler: str
    name: FunctionName

    async def _ask(self, what: str, path: str = "", size: int = 0) -> bytes | str:
        """What it found, or the name of the error number it was refused with."""
        event = {"do": what, "path": path, "bytes": size}
        answer = (await self.live.invoke(self.name, event)).answer
        return answer["refused"] if isinstance(answer, dict) else base64.b64decode(answer)

    async def read(self, path: str) -> str | None:
        """A file's text; `None`: it cannot be read."""
        found = await self._ask("read", path)
        return found.decode() if isinstance(found, bytes) else None

    async def fields(self, path: str) -> dict[str, str]:
        """A file of lines `name: value`."""
        lines = (line.split(":", 1) for line in (await self.read(path) or "").splitlines())
        return {line[0]: " ".join(line[1].split()) for line in lines if len(line) == 2}

    async def write(self, path: str, size: int = 1) -> str | None:
        """Write a file and remove it; `None`: it was written."""
        refused = await self._ask("write", path, size)
        return refused if isinstance(refused, str) else None

    async def cwd(self) -> str:
        found = await self._ask("cwd")
        assert isinstance(found, bytes)
        return found.decode()

    async def variables(self) -> dict[str, str]:
        found = await self._ask("variables")
        assert isinstance(found, bytes)
        words = found.decode().rstrip("\0").split("\0")
        return dict(word.split("=", 1) for word in words)

    async def control_group(self, name: str, controller: str, first_name: str) -> str:
        """A limit of its control group: version 2's file, or that of a controller of version 1."""
        text = await self.read(f"/sys/fs/cgroup/{name}")
        text = text or await self.read(f"/sys/fs/cgroup/{controller}/{first_name}")
        assert text is not None
        return text.strip()

    async def cpus_at_init(self) -> float:
        """CPUs it had while it initialised. Python only."""
        found = await self._ask("at_init")
        assert isinstance(found, bytes)
        return await self._cpus(found.decode())

    async def until_cpus(self, expected: float) -> None:
        """Wait until it has so many: the share of the invoke phase is set while it serves already."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                quota = await self.control_group("cpu.max", "cpu", "cpu.cfs_quota_us")
                if abs(await self._cpus(quota) - expected) < 0.001:
                    return

    async def _cpus(self, quota: str) -> float:
        quota, _, period = quota.strip().partition(" ")
        period = period or await self.read("/sys/fs/cgroup/cpu/cpu.cfs_period_us") or ""
        return int(quota) / int(period)


async def a_looker(live: Live, runtime: str, **manifest: Any) -> Looker:
    """A function of its own, with more keys for its manifest."""
    files, handler = _FILES[runtime]
    keys = {"memory_mb": 1024, "timeout_s": 60, **manifest}
    name = await live.add(files, runtime=runtime, handler=handler, **keys)
    return Looker(live=live, runtime=runtime, handler=handler, name=name)

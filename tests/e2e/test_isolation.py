"""One environment never reads, answers or delays another's events, whatever a function tries.

The victim has an event in hand, and doors open on its container's address, while the attacker tries.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.live import AT_GATE, Live, done
from workbench.api.server import Endpoint
from workbench.facade.invocations import Run
from workbench.model.invocation import OutcomeKind
from workbench.model.names import FunctionName

pytestmark = [pytest.mark.docker, pytest.mark.asyncio(loop_scope="module")]

PYTHON = """\
import errno, http.client, json, os, socket, struct, threading

TCP = socket.create_server(("0.0.0.0", 8080), backlog=100)
UDP = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
UDP.bind(("0.0.0.0", 8080))


def handler(event, context):
    return globals()[event["do"]](event, context)


# --- the victim: its ears are open while it waits


def wait(event, context):
    address = socket.gethostbyname(socket.gethostname())
    with open("/tmp/secret", "w") as file:
        file.write(event["secret"])
    print("victim", address, socket.gethostname(), context.aws_request_id, flush=True)
    at_gate("go")
    return {"secret": open("/tmp/secret").read(), "tmp": sorted(os.listdir("/tmp")),
            "strangers": callers(address) + senders(address)}


def callers(address):
    # who called comes out of the queue before the call that is its own
    with socket.create_connection((address, 8080)) as own:
        found = []
        while (caller := TCP.accept()[1]) != own.getsockname():
            found.append(caller[0])
        return found


def senders(address):
    UDP.sendto(b"mine", (address, 8080))
    found = []
    while (heard := UDP.recvfrom(100))[0] != b"mine":
        found.append(heard[1][0])
    return found


def echo(event, context):
    return event["value"]


# --- the attacker


def named(error):
    if isinstance(error, TimeoutError) and error.errno is None:
        return "ETIMEDOUT"
    if isinstance(error, socket.gaierror):
        return "no such name"
    return errno.errorcode[error.errno]


def gateway():
    with open("/proc/net/route") as file:
        for line in file:
            words = line.split()
            if words[1] == "00000000":
                return socket.inet_ntoa(struct.pack("<I", int(words[2], 16)))


def call(event, context):
    answers = {}
    def one(host, port):
        try:
            place = gateway() if host == "gateway" else host
            socket.create_connection((place, port), timeout=event["patience_s"]).close()
            answers[f"{host} {port}"] = "REACHED"
        except OSError as error:
            answers[f"{host} {port}"] = named(error)
    threads = [threading.Thread(target=one, args=each) for each in event["places"]]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    for host, port in event["places"]:
        try:
            UDP.sendto(b"not yours", (gateway() if host == "gateway" else host, port))
        except OSError:
            pass
    return answers


def answer(event, context):
    results = {}
    for path in ("response", "error"):
        api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
        api.request("POST", f"/2018-06-01/runtime/invocation/{event['request_id']}/{path}", b'"stolen"')
        response = api.getresponse()
        results[path] = [response.status, json.loads(response.read())["errorType"]]
    return results


def ask(event, context):
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    response = api.getresponse()
    same = response.getheader("Lambda-Runtime-Aws-Request-Id") == context.aws_request_id
    return {"its own": same, "event": json.loads(response.read())}


def channel(event, context):
    try:
        with socket.socket(socket.AF_UNIX) as own:
            own.connect("/run/workbench/channel")
        outcome = "REACHED"
    except OSError as error:
        outcome = named(error)
    return {"folder": os.listdir("/run/workbench"), "connected": outcome}


def wire(event, context):
    outcomes = []
    for family, kind in ((socket.AF_PACKET, socket.SOCK_RAW), (socket.AF_INET, socket.SOCK_RAW)):
        try:
            socket.socket(family, kind, 1).close()
            outcomes.append("REACHED")
        except OSError as error:
            outcomes.append(named(error))
    with open("/proc/net/if_inet6") as file:
        return {"raw": outcomes, "version 6": sorted({line.split()[-1] for line in file} - {"lo"})}


def look(event, context):
    return {"task": sorted(os.listdir("/var/task")), "tmp": os.listdir("/tmp")}


def flood(event, context):
    def shout():
        while not os.path.exists("/var/task/enough"):
            os.write(1, b"x" * 4000 + b"\\n")
    def pester():
        while not os.path.exists("/var/task/enough"):
            api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
            api.request("POST", "/2018-06-01/runtime/invocation/nobody/response", b"x" * 1_000_000)
            api.getresponse().read()
    print("flooding", flush=True)
    threads = [threading.Thread(target=each) for each in (shout, pester, pester)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return "flooded"
"""

OTHER_CODE = "# the victim's alone\n"
PATIENCE_S = 2
"""For a connection that nothing answers: packets to other containers vanish."""


def code() -> str:
    """The functions' code. Never the same twice: equal code has one copy, and its gates with it."""
    return f"{PYTHON}{AT_GATE}# {uuid.uuid4()}\n"


@dataclass(frozen=True, slots=True)
class Scene:
    """A victim in the middle of an invocation, and the function that attacks it."""

    live: Live
    run: Run
    attacker: FunctionName
    address: str
    host: str

    async def attack(self, what: str, **event: Any) -> Any:
        """What an attack came to; it runs beside the victim, in an environment of its own."""
        ended = await self.live.invoke(self.attacker, {"do": what, **event})
        assert ended.outcome.kind is OutcomeKind.SUCCESS, ended.outcome
        assert ended.record.environment_id != self.run.record_now.environment_id
        return ended.answer

    @property
    def container(self) -> str:
        """The victim's."""
        (found,) = (
            each.container
            for each in self.live.workbench.environments.mine()
            if each.invocation == self.run.acceptance.request_id
        )
        return found


@asynccontextmanager
async def attacked(live: Live, *, by_its_own_kind: bool) -> AsyncIterator[Scene]:
    """Whatever was tried meanwhile, the victim is found unharmed, and has met nobody."""
    files = {"app.py": code(), "other.py": OTHER_CODE}
    victim = attacker = await live.add(files, timeout_s=120, memory_mb=256)
    if not by_its_own_kind:
        attacker = await live.add({"app.py": code()}, timeout_s=120, memory_mb=256)
    run = await live.start(victim, {"do": "wait", "secret": "the victim's"})
    await live.until_printed(run, "at gate go")
    (line,) = (entry.text for entry in run.logs if entry.text.startswith("victim "))
    _, address, host, request_id = line.split()
    assert request_id == run.acceptance.request_id

    yield Scene(live, run, attacker, address, host)

    assert not run.settled, "it was answered by somebody"
    await live.let_go(run, "go")
    ended = await done(run)
    assert ended.outcome.kind is OutcomeKind.SUCCESS
    assert ended.answer == {"secret": "the victim's", "tmp": ["secret"], "strangers": []}
    (environment,) = (
        each
        for each in live.environments(victim)
        if each.environment_id == ended.record.environment_id
    )
    assert environment.invocations == 1


ATTACKERS = pytest.mark.parametrize(
    "by_its_own_kind", [False, True], ids=["another function", "its own function"]
)


@ATTACKERS
async def test_no_door_of_another_environment_or_of_the_host_can_be_reached(
    live: Live, by_its_own_kind: bool
) -> None:
    async with (
        attacked(live, by_its_own_kind=by_its_own_kind) as scene,
        Endpoint(live.workbench).open() as endpoint,
    ):
        port = int(endpoint.rpartition(":")[2])
        doors = [
            *((host, 9001) for host in (scene.address, scene.host, scene.container)),
            *((host, 8080) for host in (scene.address, scene.host, scene.container)),
            # Lambda's Invoke operation, by which it could run the victim
            *((host, port) for host in ("127.0.0.1", "::1", "gateway")),
        ]
        answers = await scene.attack("call", places=doors, patience_s=PATIENCE_S)

    assert len(answers) == len(doors)
    assert "REACHED" not in answers.values(), answers


@ATTACKERS
async def test_event_of_another_environment_can_be_neither_answered_nor_read(
    live: Live, by_its_own_kind: bool
) -> None:
    async with attacked(live, by_its_own_kind=by_its_own_kind) as scene:
        stolen = await scene.attack("answer", request_id=scene.run.acceptance.request_id)
        asked = await scene.attack("ask", mark="the attacker's own")

    assert stolen == {"response": [400, "InvalidRequestID"], "error": [400, "InvalidRequestID"]}
    assert asked == {"its own": True, "event": {"do": "ask", "mark": "the attacker's own"}}


@ATTACKERS
async def test_files_of_another_environment_are_not_there(
    live: Live, by_its_own_kind: bool
) -> None:
    async with attacked(live, by_its_own_kind=by_its_own_kind) as scene:
        found = await scene.attack("look")

    assert found["tmp"] == []
    assert found["task"] == (["app.py", "other.py"] if by_its_own_kind else ["app.py"])


async def test_channel_of_the_supervisor_is_closed_to_the_function(live: Live) -> None:
    async with attacked(live, by_its_own_kind=False) as scene:
        found = await scene.attack("channel")

    assert found == {"folder": ["channel"], "connected": "ECONNREFUSED"}


async def test_nothing_can_be_put_on_the_wire_past_the_kernel(live: Live) -> None:
    async with attacked(live, by_its_own_kind=False) as scene:
        found = await scene.attack("wire")

    assert found == {"raw": ["EPERM", "EPERM"], "version 6": []}


async def test_function_that_floods_the_workbench_does_not_keep_others_from_running(
    live: Live,
) -> None:
    flooding = await live.add({"app.py": code()}, timeout_s=120, memory_mb=512)
    other = await live.add({"app.py": code()}, timeout_s=30, memory_mb=512)
    run = await live.start(flooding, {"do": "flood"})
    await live.until_printed(run, "flooding")

    answers = [(await live.invoke(other, {"do": "echo", "value": n})).answer for n in range(20)]
    still_flooding = not run.settled
    await live.let_go(run, "enough")
    ended = await done(run)

    assert answers == list(range(20))
    assert still_flooding
    assert ended.answer == "flooded"

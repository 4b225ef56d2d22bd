"""PID 1 of an environment, attacked and starved on a real engine.

What every driver must keep to is in the conformance suite; this is about the supervisor itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import struct
from collections.abc import Iterable
from typing import Any

import pytest

from tests.e2e.containers import DockerSubject, docker_subject, supervisor
from tests.integration.conformance import acts
from tests.integration.conformance.acts import Act
from tests.integration.conformance.container_driver import MEGABYTE, begin
from tests.integration.conformance.witness import Witness
from workbench.clock import SystemClock
from workbench.docker.frames import FrameReader, FrameType, run_frame, runtime_exit
from workbench.model.container import LogStream, RuntimeExit, RuntimeStart

pytestmark = pytest.mark.docker

SUPERVISOR_BYTES = MEGABYTE
"""What the supervisor may take of the function's memory, whatever happens."""

USAGE = """
def pid_1():
    with open("/proc/1/status") as file:
        status = dict(line.split(":", 1) for line in file if line.startswith("Vm"))
    with open("/proc/1/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    peak = int(status["VmHWM"].split()[0]) * 1024
    return {"peak": peak, "ticks": int(fields[11]) + int(fields[12])}
"""

ATTACKS_PID_1 = Act(
    "attacks PID 1",
    """
import ctypes
for number in range(1, 65):
    try:
        os.kill(1, number)
    except OSError:
        pass
libc = ctypes.CDLL(None, use_errno=True)
class Forged(ctypes.Structure):  # siginfo_t of a sender outside: si_code SI_QUEUE, si_pid 0
    _fields_ = [("numbers", ctypes.c_int * 32)]
forged = Forged()
forged.numbers[0], forged.numbers[2] = signal.SIGTERM, -1
libc.syscall(129, 1, signal.SIGTERM, ctypes.byref(forged))
traced = [libc.ptrace(request, 1, 0, 0) for request in (16, 0x4206)]
opened = []
for name in ("mem", "environ", "maps", "cwd", "root", "fd", "fd/3", "oom_score_adj", "exe"):
    try:
        if name in ("cwd", "root", "exe", "fd/3"):
            os.readlink("/proc/1/" + name)
        elif name == "fd":
            os.listdir("/proc/1/fd")
        else:
            open("/proc/1/" + name, "r+b" if name in ("mem", "oom_score_adj") else "rb").read(1)
        opened.append(name)
    except OSError:
        pass
class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
block = ctypes.create_string_buffer(16)
local = Vector(ctypes.addressof(block), 16)
remote = Vector(0x400000, 16)
read = libc.process_vm_readv(1, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
call("/attacked", json.dumps({"traced": traced, "opened": opened, "read": read}).encode())
hang()
""",
)


async def test_pid_1_is_neither_killed_nor_traced_nor_read_from_inside() -> None:
    witness = Witness()
    async with docker_subject() as subject:
        spec, start = subject.prepare(ATTACKS_PID_1)
        container = await subject.driver.create(spec, witness, witness.connections)
        container.start_runtime(start)
        result = json.loads(await witness.until_asked("/attacked"))
        container.kill_runtime()
        await witness.until_exit()
        container.start_runtime(subject.another(spec, acts.GREETS))
        await witness.until_exit(2)
        await container.remove()

    assert result == {"traced": [-1, -1], "opened": [], "read": -1}
    assert witness.losses == []
    assert witness.exits[1] == RuntimeExit(code=0)


async def test_signal_from_outside_stops_the_container() -> None:
    witness = Witness()
    async with docker_subject() as subject:
        container = await begin(subject, acts.WAITS, witness)
        await witness.until_asked("/ready")
        client = subject.driver.client
        await client.call(client.api.kill, container.name, signal.SIGTERM)
        await witness.until(lambda w: bool(w.losses))
        await container.remove()

    assert len(witness.losses) == 1


HUNGRY = Act(
    "hungry",
    """
with open("/proc/self/oom_score_adj") as file:
    call("/score", file.read().encode())
with open("/proc/1/oom_score_adj") as file:
    call("/score-of-1", file.read().encode())
blocks = []
while True:
    blocks.append(bytearray(os.urandom(4096)) * 256)
""",
)


async def test_out_of_memory_kills_the_runtime_and_never_the_supervisor() -> None:
    witness = Witness()
    async with docker_subject(memory_mb=128) as subject:
        spec, start = subject.prepare(HUNGRY)
        container = await subject.driver.create(spec, witness, witness.connections)
        for count in (1, 2):
            container.start_runtime(start)
            assert await witness.until_exit(count) == RuntimeExit(code=None, signal=signal.SIGKILL)
            assert witness.figures[-1].oom_kills == count
        await container.remove()

    assert witness.body("/score") == b"1000\n"
    assert int(witness.body("/score-of-1")) < 1000
    assert (witness.figures[-1].peak_bytes or 0) > 100 * MEGABYTE
    assert witness.losses == []


FORK_BOMB = Act(
    "fork bomb",
    """
call("/ready")
while True:
    try:
        os.fork()
    except OSError:
        pass
""",
)


async def test_fork_bomb_is_killed_to_the_last_and_the_container_serves_on() -> None:
    witness = Witness(keep_chunks=False)
    async with docker_subject() as subject:
        spec, bomb = subject.prepare(FORK_BOMB)
        container = await subject.driver.create(spec, witness, witness.connections)
        for count in (1, 3):
            container.start_runtime(bomb)
            await witness.until_asked("/ready", (count + 1) // 2)
            await SystemClock().sleep(0.5)
            container.kill_runtime()
            ended = await witness.until_exit(count)
            assert ended.signal == signal.SIGKILL
            container.start_runtime(subject.another(spec, acts.GREETS))
            assert await witness.until_exit(count + 1) == RuntimeExit(code=0)
        await container.remove()

    assert witness.losses == []


FLOODS_AND_WATCHES = Act(
    "floods and watches",
    USAGE
    + """
def watch():
    time.sleep(0.3)
    before = pid_1()
    time.sleep(1.0)
    after = pid_1()
    watched.update(ticks=after["ticks"] - before["ticks"])

watched = {}
watching = threading.Thread(target=watch)
call("/ready")
watching.start()
piece = b"z" * 99 + b"\\n"
for _ in range(1_000):
    os.write(1, piece * 1000)
watching.join()
watched.update(peak=pid_1()["peak"])
call("/watched", json.dumps(watched).encode())
""",
)


@pytest.mark.slow
async def test_supervisor_stays_small_and_still_while_the_workbench_takes_nothing() -> None:
    witness = Witness(keep_chunks=False)
    async with docker_subject() as subject:
        container = await begin(subject, FLOODS_AND_WATCHES, witness)
        await witness.until_asked("/ready")
        container.pause_reading()
        await SystemClock().sleep(2.0)
        container.resume_reading()
        watched = json.loads(await witness.until_asked("/watched"))
        await container.remove()

    assert witness.log_bytes == 100_000_000
    assert watched["ticks"] <= 2, "hundredths of a second of CPU in a second of waiting"
    assert watched["peak"] < SUPERVISOR_BYTES


IDLES = Act(
    "idles",
    USAGE
    + """
held = [connect() for _ in range(10)]
for each in held:
    each.connect()
call("/ready")
before = pid_1()
time.sleep(1.0)
call("/idled", str(pid_1()["ticks"] - before["ticks"]).encode())
""",
)


async def test_supervisor_is_still_while_nothing_happens() -> None:
    witness = Witness()
    async with docker_subject() as subject:
        container = await begin(subject, IDLES, witness)
        ticks = int(await witness.until_asked("/idled"))
        await container.remove()

    assert ticks <= 1


MEGABYTES_EVERYWHERE = Act(
    "megabytes everywhere",
    USAGE
    + """
def exchange(number):
    over = connect()
    for _ in range(3):
        call("/big", b"u" * 5_500_000, over)

threads = [threading.Thread(target=exchange, args=(number,)) for number in range(8)]
for each in threads:
    each.start()
for each in threads:
    each.join()
call("/peak", str(pid_1()["peak"]).encode())
""",
)


@pytest.mark.slow
async def test_supervisor_stays_small_while_megabytes_pass_through_it() -> None:
    witness = Witness(answers={"/big": b"d" * 5_500_000})
    async with docker_subject() as subject:
        container = await begin(subject, MEGABYTES_EVERYWHERE, witness)
        peak = int(await witness.until_asked("/peak"))
        await container.remove()

    assert witness.asked.count("/big") == 24
    # Eight events of 5.5 MB at once: at most 256 KiB of each on the way, and what is read of answers.
    assert peak < 8 * MEGABYTE


CHURNS = Act(
    "churns",
    """
import struct
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
call("/kept")
for _ in range(5_000):
    short = socket.socket()
    short.connect((host, int(port)))
    short.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    short.close()
call("/kept-still")
""",
)


async def test_connection_keeps_its_number_when_all_others_have_been_used() -> None:
    witness = Witness()
    async with docker_subject(program=supervisor("-DIDS=1000")) as subject:
        container = await begin(subject, CHURNS, witness)
        async with asyncio.timeout(120):
            while not {"/kept-still"} & set(witness.asked):
                await SystemClock().sleep(0.2)
                assert witness.losses == []
                witness.happened[:] = [each for each in witness.happened if hasattr(each, "path")]
        await container.remove()

    assert witness.asked == ["/kept", "/kept-still"]


async def test_container_goes_when_its_channel_is_cut() -> None:
    witness = Witness()
    async with docker_subject() as subject:
        spec, start = subject.prepare(acts.LEAVES_CHILDREN)
        container = await subject.driver.create(spec, witness, witness.connections)
        container.start_runtime(start)
        await witness.until_asked("/ready")
        container.channel.end()
        async with asyncio.timeout(10):
            while any(name.startswith("/wb-") for name in await subject_names(subject, spec.name)):
                await SystemClock().sleep(0.05)


async def subject_names(subject: DockerSubject, name: str) -> list[str]:
    client = subject.driver.client
    listed = await client.call(client.api.containers, all=True, filters={"name": name})
    return [str(name) for each in listed for name in each["Names"]]


async def test_odd_bytes_in_arguments_arrive_as_they_are() -> None:
    witness = Witness()
    odd = ["", "two words", "ä€", "\udcff\udc80", "line\nend", "'quotes\"", "x" * 20_000]
    source = "import os, sys; os.write(1, b'|'.join(os.fsencode(a) for a in sys.argv[1:]))"
    async with docker_subject() as subject:
        spec, start = subject.prepare(acts.GREETS)
        container = await subject.driver.create(spec, witness, witness.connections)
        container.start_runtime(replaced(start, ("python3", "-c", source, *odd)))
        await witness.until_exit()
        await container.remove()

    expected = b"|".join(word.encode(errors="surrogateescape") for word in odd)
    assert witness.log(LogStream.STDOUT) == expected


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("/var/task/nothing:/opt/bootstrap", "No such file or directory"),
        ("/var/task", "Permission denied"),
        ("/var/task/plain", "Permission denied"),
        ("/var/task/plain:/var/task/nothing", "Permission denied"),
        ("/var/task/no-interpreter-line", "Exec format error"),
        ("no-such-program-on-path", "No such file or directory"),
        ("", "No such file or directory"),
    ],
)
async def test_program_that_cannot_be_started_is_told_with_its_reason(
    program: str, problem: str
) -> None:
    witness = Witness()
    async with docker_subject() as subject:
        spec, start = subject.prepare(acts.GREETS)
        code = spec.mounts[0].source
        (code / "plain").write_text("not executable")
        (code / "no-interpreter-line").write_text("echo hello")
        (code / "no-interpreter-line").chmod(0o755)
        container = await subject.driver.create(spec, witness, witness.connections)
        container.start_runtime(replaced(start, (program,)))
        ended = await witness.until_exit()
        await container.remove()

    assert ended.start_error == problem
    assert witness.log_bytes == 0


async def test_first_program_that_exists_is_started() -> None:
    witness = Witness()
    async with docker_subject() as subject:
        spec, start = subject.prepare(acts.GREETS)
        (spec.mounts[0].source / "second").write_text("#!/bin/sh\necho second\n")
        (spec.mounts[0].source / "second").chmod(0o755)
        container = await subject.driver.create(spec, witness, witness.connections)
        container.start_runtime(replaced(start, ("/var/task/first:/var/task/second:/bin/false",)))
        await witness.until_exit()
        await container.remove()

    assert witness.log(LogStream.STDOUT) == b"second\n"


async def test_channel_over_its_own_standard_streams_works_as_well() -> None:
    """As an engine on another machine would reach it."""
    async with docker_subject() as subject:
        spec, _ = subject.prepare(acts.GREETS)
        start = RuntimeStart(
            command=("sh", "-c", "echo said; exit 3"),
            handler="",
            variables=(("PATH", "/usr/bin:/bin"),),
            log_frames=False,
        )
        order = run_frame(start, cwd="/")
        frames = await asyncio.to_thread(converse, subject.image, spec.name, order)

    kinds = [each.kind for each in frames]
    assert kinds[0] == FrameType.HELLO
    assert kinds[-1] == FrameType.EXITED
    assert runtime_exit(frames[-1]) == RuntimeExit(code=3)
    said = b"".join(each.payload[8:] for each in frames if each.kind == FrameType.LOG)
    assert said == b"said\n"


def converse(image: str, name: str, order: bytes) -> list[Any]:
    """Run the supervisor attached, give one order, and return its frames up to the runtime's end."""
    import docker

    client = docker.APIClient()
    try:
        container = client.create_container(
            image,
            name=name,
            entrypoint=["/s"],
            stdin_open=True,
            host_config=client.create_host_config(
                binds=[f"{supervisor()}:/s:ro"], auto_remove=True
            ),
        )
        attached = client.attach_socket(
            container["Id"], params={"stdin": 1, "stdout": 1, "stream": 1}
        )
        raw: socket.socket = attached._sock
        raw.settimeout(20)
        client.start(container["Id"])
        raw.sendall(order)
        frames = []
        for each in frames_of(raw):
            frames.append(each)
            if each.kind == FrameType.EXITED:
                break
        attached.close()
        raw.close()
        return frames
    finally:
        client.close()


def frames_of(raw: socket.socket) -> Iterable[Any]:
    """Out of what Docker wraps round each piece of stdout: u8 stream, 3 x 0, u32 length."""
    reader, buffer = FrameReader(), b""
    while piece := raw.recv(65_536):
        buffer += piece
        while len(buffer) >= 8:
            (length,) = struct.unpack(">I", buffer[4:8])
            if len(buffer) < 8 + length:
                break
            yield from reader.feed(buffer[8 : 8 + length])
            buffer = buffer[8 + length :]


def replaced(start: RuntimeStart, command: tuple[str, ...]) -> RuntimeStart:
    return RuntimeStart(
        command=command,
        handler=start.handler,
        variables=start.variables,
        log_frames=start.log_frames,
    )


def test_supervisor_refuses_to_run_as_anything_but_pid_1() -> None:
    status = os.spawnl(os.P_WAIT, supervisor(), "supervisor", "/nowhere")

    assert status == 2

"""What runtime processes do in the container driver's checks: small Python programs.

Each speaks to whatever stands at AWS_LAMBDA_RUNTIME_API through `call(path, body)`. A fake that runs
no programs has its own way to do what the name says.
"""

from __future__ import annotations

from dataclasses import dataclass

PRELUDE = """
import hashlib, http.client, json, os, signal, socket, subprocess, sys, threading, time

def connect():
    return http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])

api = connect()

def call(path, body=b"", over=api):
    over.request("POST", path, body)
    return over.getresponse().read()

def ask(path):
    api.request("GET", path)
    return api.getresponse().read()

def hang():
    while True:
        time.sleep(3600)
"""


@dataclass(frozen=True, slots=True)
class Act:
    """One program."""

    name: str
    source: str
    log_frames: bool = False

    @property
    def program(self) -> str:
        return PRELUDE + self.source


GREETS = Act("greets", 'call("/hello", b"hi")')
"""Asks /hello and ends with status 0."""

ASKS = Act("asks", 'for _ in range(3):\n    ask("/next")')
"""Asks /next three times, as for work, and ends with status 0."""

WAITS = Act("waits", 'call("/ready")\nhang()')
"""Asks /ready and then does nothing for ever."""

EXITS_3 = Act("exits 3", "os._exit(3)")

KILLS_ITSELF = Act("kills itself", "os.kill(os.getpid(), signal.SIGKILL)")

TELLS_WHAT_IT_SEES = Act(
    "tells what it sees",
    """
seen = {
    "cwd": os.path.samefile(os.getcwd(), os.environ["LAMBDA_TASK_ROOT"]),
    "stdin": sys.stdin.read(),
    "variables": {os.fsdecode(k): os.fsdecode(v) for k, v in os.environb.items()},
    "descriptors": [n for n in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + n)],
    "session": os.getsid(0) == os.getpid(),
    "mask": signal.pthread_sigmask(signal.SIG_BLOCK, ()) != set(),
}
call("/seen", json.dumps(seen).encode())
""",
)

COUNTS_ALL_THE_TIME = Act(
    "counts all the time",
    """
counted = 0

def count():
    global counted
    while True:
        counted += 1
        time.sleep(0.001)

child = subprocess.Popen(
    [sys.executable, "-u", "-c", "import time\\nwhile 1: print('x', end=''); time.sleep(.001)"],
    stdout=subprocess.PIPE, start_new_session=True)
os.set_blocking(child.stdout.fileno(), False)
threading.Thread(target=count, daemon=True).start()
children = 0
for turn in range(1_000_000):
    children += len(child.stdout.read(65536) or b"")
    call("/counted", json.dumps([counted, children, time.monotonic()]).encode())
    time.sleep(0.01)
""",
)
"""Itself in a thread, and in a child that has a session of its own; tells again and again how far."""

COUNTS_ITS_STARTS = Act(
    "counts its starts",
    """
import tempfile
path = os.path.join(tempfile.gettempdir(), "starts")
with open(path, "a") as file:
    file.write("x")
call("/starts", str(os.path.getsize(path)).encode())
""",
)
"""Leaves a mark in its temporary folder and tells how many there are."""

EXCHANGES_MEGABYTES = Act(
    "exchanges megabytes",
    """
sent = os.urandom(1024) * 5632
answer = call("/digest", sent)
call("/digests", (hashlib.sha256(sent).hexdigest() + hashlib.sha256(answer).hexdigest()).encode())
""",
)

READS_SLOWLY = Act(
    "reads slowly",
    """
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
raw = socket.create_connection((host, int(port)))
raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
raw.sendall(b"POST /digest HTTP/1.1\\r\\nContent-Length: 0\\r\\n\\r\\n")
got = b""
while b"\\r\\n\\r\\n" not in got:
    got += raw.recv(1024)
head, _, body = got.partition(b"\\r\\n\\r\\n")
length = int(head.split(b"Content-Length: ")[1].split(b"\\r\\n")[0])
digest, left = hashlib.sha256(body), length - len(body)
while left:
    piece = raw.recv(65536)
    digest.update(piece)
    left -= len(piece)
    time.sleep(0.01)
call("/digests", digest.hexdigest().encode())
""",
)

READS_TO_THE_END = Act(
    "reads to the end",
    """
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
raw = socket.create_connection((host, int(port)))
raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
raw.sendall(b"POST /digest HTTP/1.1\\r\\nContent-Length: 0\\r\\n\\r\\n")
got = b""
while piece := raw.recv(65536):
    got += piece
    time.sleep(0.01)
digest = hashlib.sha256(got.partition(b"\\r\\n\\r\\n")[2]).hexdigest()
call("/digests", digest.encode())
""",
)
"""Slowly, until the other end closes the connection."""

FILLS_A_HELD_CONNECTION = Act(
    "fills a held connection",
    """
def fill():
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(b"POST /hold HTTP/1.1\\r\\nContent-Length: 0\\r\\n\\r\\n")
        raw.recv(1024)
        raw.sendall(b"POST /filled HTTP/1.1\\r\\nContent-Length: 30000000\\r\\n\\r\\n")
        raw.sendall(b"f" * 30_000_000)
        raw.recv(1024)

host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
filling = threading.Thread(target=fill)
filling.start()
for turn in range(20):
    call(f"/other/{turn}")
    time.sleep(0.01)
filling.join()
call("/end")
""",
)

CONNECTS_40_TIMES = Act(
    "connects 40 times",
    """
sockets = [connect() for _ in range(40)]
for each in sockets:
    each.connect()
for number, each in enumerate(sockets[:20]):
    call(f"/{number}", over=each)
    each.close()
for number, each in enumerate(sockets[20:]):
    call(f"/{number + 20}", over=each)
call("/all")
""",
)

LOGS_THEN_ASKS = Act(
    "logs, then asks",
    """
for turn in range(3):
    for line in range(10_000):
        os.write(1 + line % 2, b"turn %d line %d\\n" % (turn, line))
    call(f"/turn/{turn}")
""",
)
"""10,000 lines over stdout and stderr before each of three requests."""

LOGS_BETWEEN_PIECES = Act(
    "logs between pieces of a request",
    """
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
raw = socket.create_connection((host, int(port)))
raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for turn in range(500):
    raw.sendall(b"POST /%d HTTP/1.1\\r\\nContent-Length: 1\\r\\n\\r\\n" % turn)
    os.write(1, b"turn %d\\n" % turn)
    raw.sendall(b"x")
raw.sendall(b"POST /end HTTP/1.1\\r\\nContent-Length: 0\\r\\n\\r\\n")
hang()
""",
)
"""A line between the head and the body of each of 500 pipelined requests."""

LAST_WORDS = Act(
    "says its last words",
    """
threading.Thread(target=call, args=("/last", b"x" * 100_000, connect()), daemon=True).start()
os.write(1, b"y" * 60_000)
os.write(2, b"no line end")
time.sleep(0.2)
os._exit(0)
""",
)

DIES_WHILE_ASKING = Act(
    "dies while asking",
    """
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
raw = socket.create_connection((host, int(port)))
raw.sendall(b"POST /once HTTP/1.1\\r\\nContent-Length: 2\\r\\n\\r\\nok")
os._exit(0)
""",
)
"""Sends a whole request and ends at once, without waiting for the answer."""

LEAVES_CHILDREN = Act(
    "leaves children",
    """
child = '''
import os, signal, sys, time
for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(each, signal.SIG_IGN)
if sys.argv[1] == "session" and os.fork():
    os._exit(0)
if sys.argv[1] == "session":
    os.setsid()
    if os.fork():
        os._exit(0)
open(os.environ["MARKS"] + sys.argv[1], "w").close()
while True:
    os.write(1, b"still here" + bytes([10]))
    time.sleep(0.005)
'''
import tempfile
os.environ["MARKS"] = tempfile.mkdtemp() + "/"
for kind in ("plain", "session"):
    subprocess.Popen([sys.executable, "-c", child, kind, "child in " + tempfile.gettempdir()])
while len(os.listdir(os.environ["MARKS"])) < 2:
    time.sleep(0.01)
call("/ready")
end = os.environ.get("END", "")
if end == "exit":
    os._exit(0)
hang()
""",
)
"""Starts two children that ignore polite signals, one twice removed and in a session of its own; both
hold its pipes. Then exits if END=exit, else waits."""

COUNTS_CHILDREN = Act(
    "counts children",
    """
import tempfile
mark = b"child in " + os.fsencode(tempfile.gettempdir()) + bytes(1)
count = 0
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            count += file.read().endswith(mark)
    except OSError:
        pass
call("/children", str(count).encode())
""",
)
"""Tells how many children of LEAVES_CHILDREN in this container there are on the machine it sees."""

IGNORES_SIGTERM = Act(
    "ignores SIGTERM",
    'signal.signal(signal.SIGTERM, signal.SIG_IGN)\ncall("/ready")\nhang()',
)

USES_MEMORY_AND_TIME = Act(
    "uses memory and time",
    """
ask("/before")
block = bytearray(os.urandom(1024)) * 65536
until = time.process_time() + 0.2
while time.process_time() < until:
    pass
ask("/during")
del block
ask("/after")
""",
)
"""64 MiB and 0.2 s of CPU between /before and /during."""

CHILD_USES_MEMORY = Act(
    "a child uses memory",
    """
child = "import sys, time; block = bytearray(b'x') * 67108864; print(flush=True); sys.stdin.read()"
ask("/before")
pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
with subprocess.Popen([sys.executable, "-c", child], **pipes) as process:
    process.stdout.readline()
    ask("/during")
    process.stdin.close()
""",
)

FLOODS = Act(
    "floods",
    """
call("/ready")
piece = b"z" * 99 + b"\\n"
for _ in range(2_000):
    os.write(1, piece * 1000)
call("/flooded")
""",
)
"""200 MB to stdout."""

FRAMES = Act(
    "writes frames",
    """
descriptor = int(os.environ.get("_LAMBDA_TELEMETRY_LOG_FD", -1))
os.write(descriptor, b"framed") if descriptor >= 0 else None
call("/framed", str(descriptor).encode())
""",
    log_frames=True,
)

MISSING = Act("a program that does not exist", "")

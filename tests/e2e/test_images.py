"""The images of the product: what is in them, and that AWS's clients in them do as they do in Lambda."""

from __future__ import annotations

import json
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.e2e.workshop import RUNTIMES, a_docker_stage, a_workshop
from tests.integration.conformance.runtimes import NodeSuite, PythonSuite
from tests.integration.conformance.stage import Stage
from workbench.model.container import LogStream
from workbench.model.invocation import OutcomeKind
from workbench.model.names import RuntimeName

pytestmark = pytest.mark.docker


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keeps the supervisor for all tests of a session."""
    return tmp_path_factory.mktemp("cache")


class _InContainers:
    """Runs the suite's functions in the image of `runtime`."""

    runtime: str
    _cache: Path

    @pytest.fixture(autouse=True)
    def _keep(self, cache: Path) -> None:
        self._cache = cache

    def stage(self) -> AbstractAsyncContextManager[Stage]:
        return a_docker_stage(self.runtime, self._cache)


class TestPython311(_InContainers, PythonSuite):
    """See the suite."""

    runtime = "python3.11"


class TestPython313(_InContainers, PythonSuite):
    """See the suite."""

    runtime = "python3.13"


class TestNode20(_InContainers, NodeSuite):
    """See the suite."""

    runtime = "nodejs20.x"


class TestNode22(_InContainers, NodeSuite):
    """See the suite."""

    runtime = "nodejs22.x"


# --- the process that runs the function ---------------------------------------------------------------------

WHO = {
    "python": """\
import os, sys
def handler(event, context):
    return {
        "parent": os.getppid(),
        "user": [os.getuid(), os.getgid()],
        "variables": dict(os.environ),
        "argv": open("/proc/self/cmdline").read().split("\\0"),
        "path": sys.path,
    }
""",
    "node": """\
const fs = require("node:fs");
exports.handler = async () => ({
  parent: process.ppid,
  user: [process.getuid(), process.getgid()],
  variables: process.env,
  argv: fs.readFileSync("/proc/self/cmdline", "utf-8").split("\\0"),
});
""",
}
FILES = {"python": "app.py", "node": "app.js"}
MANAGED = ["python3.11", "python3.13", "nodejs20.x", "nodejs22.x"]


def who(name: str, **more: str) -> dict[str, str]:
    language = RUNTIMES[RuntimeName(name)].language
    return {FILES[language]: WHO[language], **more}


@pytest.mark.parametrize("name", MANAGED)
async def test_bootstrap_leaves_no_shell_and_sets_what_lambda_sets(name: str, cache: Path) -> None:
    async with a_docker_stage(name, cache) as stage:
        done = await stage.invoke(who(name), "app.handler")

    said = done.answer
    variables = said["variables"]
    assert said["parent"] == 1
    assert said["user"] == [993, 990]
    assert said["argv"][0].startswith("/var/lang/bin/")
    assert (variables["PWD"], variables["SHLVL"]) == ("/var/task", "0")
    assert variables["LANG"] == "en_US.UTF-8"
    assert variables["TZ"] == ":UTC"
    assert variables["PATH"] == "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"
    assert variables["LAMBDA_RUNTIME_DIR"] == "/var/runtime"


@pytest.mark.parametrize(("name", "expected"), [("python3.11", None), ("python3.13", "C.UTF-8")])
async def test_locale_is_as_in_lambda(name: str, expected: str | None, cache: Path) -> None:
    """Newer runtimes have no en_US locale there, so that Python falls back and says so."""
    async with a_docker_stage(name, cache) as stage:
        done = await stage.invoke(who(name), "app.handler")

    assert done.answer["variables"].get("LC_CTYPE") == expected


async def test_function_shadows_what_the_runtime_brings(cache: Path) -> None:
    files = {"app.py": "import boto3\ndef handler(e, c): return boto3.__file__\n"}
    async with a_docker_stage("python3.13", cache) as stage:
        brought = await stage.invoke(files, "app.handler")
        own = await stage.invoke({**files, "boto3.py": ""}, "app.handler")

    assert brought.answer.startswith("/var/runtime/boto3/")
    assert own.answer == "/var/task/boto3.py"


@pytest.mark.parametrize("name", MANAGED)
async def test_wrapper_starts_the_runtime_in_its_own_way(name: str, cache: Path) -> None:
    wrapper = '#!/bin/sh\nexport WRAPPED="$(basename "$1")"\nexec "$@"\n'
    async with a_docker_stage(name, cache) as stage:
        done = await stage.invoke(
            who(name, wrapper=wrapper),
            "app.handler",
            variables={"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrapper"},
        )

    assert done.answer["variables"]["WRAPPED"] in ("python3.11", "python3.13", "node")


@pytest.mark.parametrize("name", ["python3.13", "nodejs22.x"])
@pytest.mark.parametrize(
    ("wrapper", "status", "words"),
    [("/var/task/gone", 127, "does not exist"), ("/etc/hostname", 126, "is not an executable")],
)
async def test_wrapper_that_cannot_run_ends_as_in_lambda(
    name: str, wrapper: str, status: int, words: str, cache: Path
) -> None:
    async with a_docker_stage(name, cache) as stage:
        done = await stage.invoke(
            who(name), "app.handler", variables={"AWS_LAMBDA_EXEC_WRAPPER": wrapper}
        )

    assert done.outcome.error_type == "Runtime.ExitError"
    assert done.answer["errorMessage"].endswith(f"exit status {status}")
    assert f"{wrapper}: {words}" in done.texts()


async def test_node_gets_its_heap_in_proportion_to_memory(cache: Path) -> None:
    async with a_docker_stage("nodejs22.x", cache) as stage:
        usual = await stage.invoke(who("nodejs22.x"), "app.handler", memory_mb=512)
        own = await stage.invoke(
            who("nodejs22.x"),
            "app.handler",
            variables={"NODE_OPTIONS": "--max-old-space-size=100"},
        )

    assert "--max-old-space-size=461" in usual.answer["argv"]
    assert not [word for word in own.answer["argv"] if "space-size" in word]


# --- provided -------------------------------------------------------------------------------------------------

SHELL = """\
#!/bin/bash
set -eu
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while true; do
  curl -sf -D /tmp/headers -o /tmp/event "$api/next"
  id=$(grep -i '^lambda-runtime-aws-request-id:' /tmp/headers | tr -d '[:space:]' | cut -d : -f 2)
  case $_HANDLER in
    echo) curl -sf -o /dev/null --data-binary @/tmp/event "$api/$id/response" ;;
    boom) curl -sf -o /dev/null -d '{"errorType":"Own.Error","errorMessage":"no"}' "$api/$id/error" ;;
    log) echo "to stdout"; echo "to stderr" >&2; curl -sf -o /dev/null -d null "$api/$id/response" ;;
    die) exit 9 ;;
  esac
done
"""


async def test_shell_runtime_answers_fails_logs_and_dies(cache: Path) -> None:
    files = {"bootstrap": SHELL}
    payload = json.dumps("z" * 5_000_000).encode()
    async with a_docker_stage("provided.al2023", cache) as stage:
        echo = await stage.invoke(files, "echo", payload)
        boom = await stage.invoke(files, "boom")
        log = await stage.invoke(files, "log")
        die = await stage.invoke(files, "die")

    assert echo.outcome.payload == payload
    assert boom.outcome.error_type == "Own.Error"
    assert log.texts(LogStream.STDOUT) == ["to stdout"]
    assert log.texts(LogStream.STDERR) == ["to stderr"]
    assert die.answer["errorMessage"].endswith("exit status 9")


async def test_function_without_a_bootstrap_has_no_entry_point(cache: Path) -> None:
    async with a_docker_stage("provided.al2023", cache) as stage:
        done = await stage.invoke({"readme": ""}, "x")

    assert done.outcome.kind is OutcomeKind.INIT_ERROR
    assert done.outcome.error_type == "Runtime.InvalidEntrypoint"


# --- what is in the images -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(RUNTIMES))
async def test_image_is_slim_unprivileged_and_takes_nothing_of_this_machine_along(
    name: str,
) -> None:
    async with a_workshop() as workshop:
        image = await workshop.image(name)
        described = await workshop.client.call(workshop.client.api.inspect_image, image.reference)
        tools = await workshop.run(
            image.reference,
            "sh",
            "-c",
            "for t in gcc cc g++ make cmake; do command -v $t; done; ls -d /build 2>/dev/null; id",
        )
        bundles = await workshop.run(
            image.reference,
            "sh",
            "-c",
            # Debian's own bundle is made of exactly the certificates of its package
            "cat /usr/share/ca-certificates/mozilla/*.crt | grep -c BEGIN;"
            "grep -c BEGIN /etc/ssl/certs/ca-certificates.crt; find / -xdev -name ca.crt 2>/dev/null",
        )

    assert described["Config"]["User"] == "sbx_user1051"
    assert described["Config"]["Labels"]["workbench.runtime"] == name
    assert described["Size"] < 260 * 1024**2
    assert tools.strip() == "uid=993(sbx_user1051) gid=990(sbx_user1051) groups=990(sbx_user1051)"
    own, in_bundle = bundles.split()
    assert own == in_bundle


@pytest.mark.parametrize(
    ("name", "command", "start"),
    [
        ("python3.11", "python3 --version", "Python 3.11."),
        ("python3.13", "python3 --version", "Python 3.13."),
        ("python3.13", "pip --version", "pip "),
        ("nodejs20.x", "node --version", "v20."),
        ("nodejs22.x", "node --version", "v22."),
        ("nodejs22.x", "npm --version", "10."),
        ("provided.al2023", "curl --version", "curl "),
        ("provided.al2023", "readlink /bin/sh", "bash"),
    ],
)
async def test_tools_of_the_runtime_are_there(name: str, command: str, start: str) -> None:
    path = dict(RUNTIMES[RuntimeName(name)].variables)["PATH"]
    async with a_workshop() as workshop:
        image = await workshop.image(name)
        said = await workshop.run(image.reference, "env", f"PATH={path}", "sh", "-c", command)

    assert said.startswith(start)


@pytest.mark.parametrize("name", sorted(RUNTIMES))
async def test_template_does_as_its_events_expect(name: str, cache: Path) -> None:
    template = RUNTIMES[RuntimeName(name)].template
    assert template is not None
    files = {
        path.relative_to(template).as_posix(): path.read_text()
        for path in template.rglob("*")
        if path.is_file() and path.parent == template
    }
    handler = RUNTIMES[RuntimeName(name)].handler.default
    events = template / "events"
    async with a_docker_stage(name, cache) as stage:
        ada = await stage.invoke(files, handler, (events / "greet-ada.json").read_bytes())
        nobody = await stage.invoke(files, handler, (events / "nobody.json").read_bytes())

    assert ada.answer["statusCode"] == 200
    assert "Hello, Ada!" in ada.answer["body"]
    assert any("greeting Ada" in text for text in ada.texts())
    assert nobody.answer["statusCode"] == 400

"""Published versions and aliases in real containers, asked by boto3."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped] # it has no types
import pytest
from botocore.config import Config  # type: ignore[import-untyped] # nor this

from tests.e2e.programs import RUNTIME, docker_project
from tests.integration.cli.program import Project

pytestmark = pytest.mark.docker

APP = """\
import os


def handler(event, context):
    with open('/var/task/data.txt') as file:
        data = file.read()
    return {
        'answer': ANSWER,
        'data': data,
        'stage': os.environ['STAGE'],
        'version': os.environ['AWS_LAMBDA_FUNCTION_VERSION'],
        'stream': context.log_stream_name,
        'context_version': context.function_version,
        'arn': context.invoked_function_arn,
        'memory': context.memory_limit_in_mb,
    }


ANSWER = {answer!r}
"""


def write(project: Project, answer: str, *, memory_mb: int, stage: str) -> Path:
    folder = project.root / "orders"
    folder.mkdir(exist_ok=True)
    (folder / "app.py").write_text(APP.replace("{answer!r}", repr(answer)))
    (folder / "data.txt").write_text(f"data of {answer}")
    (folder / "function.toml").write_text(
        f'runtime = "{RUNTIME}"\nhandler = "app.handler"\nmemory_mb = {memory_mb}\n'
        f'timeout_s = 30\n[environment]\nSTAGE = "{stage}"\n'
    )
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return docker_project(tmp_path_factory.mktemp("versions"))


def test_versions_run_side_by_side_what_was_published(project: Project) -> None:
    write(project, "old", memory_mb=128, stage="blue")
    assert project.run("publish", "orders").text == "1\n"
    folder = write(project, "new", memory_mb=256, stage="green")
    assert project.run("publish", "orders").text == "2\n"
    write(project, "newest", memory_mb=192, stage="red")
    project.run("alias", "create", "orders:live", "1", "--weight", "2=0.5")
    with project.serving() as (_, address):
        client = boto3.client(
            "lambda",
            endpoint_url=address,
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="thing",
            config=Config(retries={"total_max_attempts": 1}),
        )

        def invoke(qualifier: str | None) -> tuple[str, dict[str, Any]]:
            named = {} if qualifier is None else {"Qualifier": qualifier}
            answer = client.invoke(FunctionName="orders", Payload=b"{}", **named)
            return answer["ExecutedVersion"], json.loads(answer["Payload"].read())

        found = {qualifier: invoke(qualifier) for qualifier in ("1", "2", None)}
        shutil.rmtree(folder)
        gone = {qualifier: invoke(qualifier) for qualifier in ("1", "2")}
        shared = {invoke("live")[0] for _ in range(40)}
        arn = invoke("live")[1]["arn"]
        environments = project.run("ps", "--json").json

    told = {
        qualifier: (version, *(body[key] for key in ("answer", "data", "stage", "memory")))
        for qualifier, (version, body) in found.items()
    }
    assert told == {
        "1": ("1", "old", "data of old", "blue", "128"),
        "2": ("2", "new", "data of new", "green", "256"),
        None: ("$LATEST", "newest", "data of newest", "red", "192"),
    }
    for version, body in found.values():
        assert body["version"] == body["context_version"] == version
        assert f"[{version}]" in body["stream"]
    for qualifier, (version, body) in gone.items():  # in whichever environment
        assert {**body, "stream": ""} == {**found[qualifier][1], "stream": ""}
        assert version == qualifier
    assert shared == {"1", "2"}
    assert arn.endswith(":function:orders:live")
    served: Counter[str] = Counter()
    for each in environments:
        served[each["version"]] += each["invocations"]
    assert served["1"] + served["2"] >= len(gone) + len(found) - 1, "of the version, and warm"

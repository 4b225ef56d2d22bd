"""Layers of functions that run: merged, found where Lambda finds them, and reloaded with who uses them.
As plain processes here; tests/e2e/test_layers.py has the same in containers.
"""

from __future__ import annotations

import asyncio
import io
import shutil
import tempfile
import zipfile
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.live import Live, a_live_project, held, told
from tests.integration.cli.program import RUNTIME
from workbench.errors import (
    CodeTooLarge,
    ConstraintViolated,
    InvalidArchive,
    InvalidManifest,
    InvalidParameter,
    LayerVersionNotFound,
)
from workbench.model.environment import EnvironmentState
from workbench.model.invocation import OutcomeKind
from workbench.model.layer_version import LayerClaims
from workbench.model.names import FunctionName
from workbench.model.settings import EngineKind
from workbench.model.telemetry import CodeReloaded, ReloadRejected

APP = """
import json, os, sys
import shared

def handler(event, context):
    opt = next((p for p in sys.path if "/code/" in p and p.endswith("/python")), "")
    return {"shared": shared.NAME, "path": [p.replace(os.environ["LAMBDA_TASK_ROOT"], "TASK") for p in sys.path]}
"""


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live() -> AsyncIterator[Live]:
    async with held(lambda: a_live_project(engine=EngineKind.PROCESS)) as live:
        yield live


@pytest.fixture
def own(live: Live) -> Path:
    """A folder in the project for the layers of one test."""
    return Path(tempfile.mkdtemp(prefix="layers-", dir=live.root))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def put(path: Path, text: str, *, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def a_zip(path: Path, files: dict[str, str]) -> Path:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    beside = path.with_name(f"{path.name}.new")
    beside.write_bytes(content.getvalue())
    return beside.replace(path)


async def using(live: Live, *layers: str | Path, app: str = APP) -> FunctionName:
    """A function with layers, stated as people state them."""
    return await live.add({"app.py": app}, runtime=RUNTIME, layers=stated(live, layers))


def stated(live: Live, layers: Iterable[str | Path]) -> list[str]:
    """Those in the project relative to it, others absolute."""
    return [
        str(layer.relative_to(live.root))
        if isinstance(layer, Path) and layer.is_relative_to(live.root)
        else str(layer)
        for layer in layers
    ]


async def shared_by(live: Live, name: str) -> str:
    done = await live.invoke(name)
    assert done.outcome.kind is OutcomeKind.SUCCESS, done.answer
    return str(done.answer["shared"])


async def test_of_two_files_with_one_path_the_later_layer_wins(live: Live, own: Path) -> None:
    put(own / "first/python/shared.py", "from base import NAME")
    put(own / "first/python/base.py", "NAME = 'first'")
    put(own / "second/python/base.py", "NAME = 'second'")
    put(own / "third/python/lib/x/base.py", "NAME = 'third'")

    name = await using(live, own / "first", own / "second", own / "third")
    other = await using(live, own / "second", own / "first")

    assert await shared_by(live, name) == "second"
    assert await shared_by(live, other) == "first"


async def test_modules_are_looked_for_in_the_order_that_lambda_has(live: Live, own: Path) -> None:
    put(own / f"common/python/lib/{RUNTIME}/site-packages/shared.py", "NAME = 'versioned'")
    put(own / "common/python/shared.py", "NAME = 'plain'")

    name = await using(live, own / "common")
    path = (await live.invoke(name)).answer["path"]

    opt = next(each for each in path if each.endswith("/python"))
    assert path[:3] == ["TASK", f"{opt}/lib/{RUNTIME}/site-packages", opt]
    assert await shared_by(live, name) == "versioned"


async def test_a_module_of_the_function_wins_over_one_of_a_layer(live: Live, own: Path) -> None:
    put(own / "common/python/shared.py", "NAME = 'layer'")

    name = await live.add(
        {"app.py": APP, "shared.py": "NAME = 'function'"},
        runtime=RUNTIME,
        layers=stated(live, [own / "common"]),
    )

    assert await shared_by(live, name) == "function"


async def test_programs_and_zips(live: Live, own: Path) -> None:
    app = """
import subprocess
def handler(event, context):
    return {"shared": subprocess.run(["tool"], capture_output=True, text=True).stdout.strip()}
"""
    put(own / "tools/bin/tool", "#!/bin/sh\necho from the folder\n", mode=0o755)
    name = await using(live, own / "tools", app=app)
    a_zip(own / "shared.zip", {"python/shared.py": "NAME = 'zipped'"})
    zipped = await using(live, own / "shared.zip")

    assert await shared_by(live, name) == "from the folder"
    assert await shared_by(live, zipped) == "zipped"


async def test_a_changed_layer_reloads_who_uses_it_and_nobody_else(live: Live, own: Path) -> None:
    layer = put(own / "common/python/shared.py", "NAME = 'old'")
    put(own / "other/python/shared.py", "NAME = 'other'")
    name = await using(live, own / "common")
    also = await using(live, own / "other", own / "common")
    not_it = await using(live, own / "other")
    assert [await shared_by(live, each) for each in (name, also, not_it)] == ["old", "old", "other"]
    (kept,) = live.environments(not_it)

    with live.workbench.subscribe(kinds={CodeReloaded}) as feed:
        put(own / "common/python/__pycache__/shared.pyc", "a tool's")
        layer.write_text("NAME = 'new'")
        reloaded: set[str] = set()
        while len(reloaded) < 2:
            value = await told(feed, lambda value: isinstance(value, CodeReloaded))
            assert isinstance(value, CodeReloaded)
            reloaded.add(value.function)

    assert reloaded == {name, also}
    assert [await shared_by(live, each) for each in (name, also, not_it)] == ["new", "new", "other"]
    (still,) = live.environments(not_it)
    assert still.environment_id == kept.environment_id
    assert still.state in {EnvironmentState.IDLE, EnvironmentState.FROZEN}


async def test_an_invocation_right_after_the_change_gets_it(live: Live, own: Path) -> None:
    layer = put(own / "common/python/shared.py", "NAME = '0'")
    name = await using(live, own / "common")
    await shared_by(live, name)

    for number in range(1, 4):
        await asyncio.to_thread(layer.write_text, f"NAME = '{number}'")
        assert await shared_by(live, name) == str(number)


async def test_a_layer_outside_of_the_project_is_watched(
    live: Live, own: Path, tmp_path: Path
) -> None:
    package = tmp_path / "shared" / "nodejs" / "node_modules" / "x"
    put(tmp_path / "shared/python/shared.py", "NAME = 'old'")
    name = await using(live, tmp_path / "shared", app=APP.replace("shared.NAME", READ_OPT))
    assert await shared_by(live, name) == "[]"

    with live.workbench.subscribe(kinds={CodeReloaded}) as feed:
        put(package / "index.js", "one")
        await told(feed, lambda value: isinstance(value, CodeReloaded))
        assert await shared_by(live, name) == "['x']"
        put(package.parent / "y" / "index.js", "two")
        await told(feed, lambda value: isinstance(value, CodeReloaded))

    assert await shared_by(live, name) == "['x', 'y']"


READ_OPT = (
    """str(sorted(os.listdir(p)) if os.path.isdir(p := opt[:-6] + "nodejs/node_modules") else [])"""
)


async def test_a_changed_zip_outside_of_the_project(live: Live, own: Path, tmp_path: Path) -> None:
    archive = a_zip(tmp_path / "shared.zip", {"python/shared.py": "NAME = 'old'"})
    name = await using(live, archive)
    assert await shared_by(live, name) == "old"

    with live.workbench.subscribe(kinds={CodeReloaded}) as feed:
        a_zip(archive, {"python/shared.py": "NAME = 'new'"})
        await told(feed, lambda value: isinstance(value, CodeReloaded))

    assert await shared_by(live, name) == "new"


async def test_a_layer_that_goes_is_said_and_its_coming_back_is_noticed(
    live: Live, own: Path
) -> None:
    layer = put(own / "layers/common/python/shared.py", "NAME = 'old'").parents[1]
    name = await using(live, own / "layers/common")
    assert await shared_by(live, name) == "old"

    with live.workbench.subscribe(kinds={ReloadRejected, CodeReloaded}) as feed:
        layer.parent.rename(own / "away")
        rejected = await told(feed, lambda value: isinstance(value, ReloadRejected))
        assert isinstance(rejected, ReloadRejected)
        assert "layers/common" in rejected.problems[0].message
        assert await shared_by(live, name) == "old"
        (own / "away/common/python/shared.py").write_text("NAME = 'new'")
        (own / "away").rename(own / "layers")
        await told(feed, lambda value: isinstance(value, CodeReloaded))

    assert await shared_by(live, name) == "new"


async def test_a_layer_in_the_folder_of_a_function_is_no_code_of_it(live: Live, own: Path) -> None:
    owner = await live.add(
        {"app.py": APP, "lib/python/shared.py": "NAME = 'old'", "shared.py": "NAME = 'mine'"},
        runtime=RUNTIME,
    )
    assert await shared_by(live, owner) == "mine"
    name = await using(live, live.root / owner / "lib")
    assert await shared_by(live, name) == "old"

    with live.workbench.subscribe(kinds={CodeReloaded}) as feed:
        (live.root / owner / "lib/python/shared.py").write_text("NAME = 'new'")
        value = await told(feed, lambda value: isinstance(value, CodeReloaded))

    assert isinstance(value, CodeReloaded)
    assert value.function == name
    run = await live.start(owner)
    await run.record()
    assert not (live.code_of(run) / "lib").exists()


async def test_nothing_is_copied_while_nothing_changes(live: Live, own: Path) -> None:
    put(own / "common/python/shared.py", "NAME = 'one'")
    put(own / "more/python/more.py", "")
    name = await using(live, own / "common", own / "more")
    await shared_by(live, name)
    trees = names_in(live.root / ".workbench/code")
    blobs = names_in(live.root / ".workbench/code/files")

    with live.workbench.subscribe(kinds={CodeReloaded}) as feed:
        (live.root / name / "more.txt").write_text("of the function")
        await told(feed, lambda value: isinstance(value, CodeReloaded))

    assert len(names_in(live.root / ".workbench/code")) == len(trees) + 1
    assert len(names_in(live.root / ".workbench/code/files")) == len(blobs) + 1


async def test_bootstrap_from_a_layer(live: Live, own: Path) -> None:
    api = "http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation"
    put(
        own / "own-runtime/bootstrap",
        "#!/bin/sh\nwhile :; do\n"
        f'  id=$(curl -sS -D - -o /dev/null "{api}/next" | tr -d "\\r" | '
        "sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')\n"
        f'  curl -sS -o /dev/null -d \'{{"shared": "layer"}}\' "{api}/$id/response"\ndone\n',
        mode=0o755,
    )
    put(own / "none/bin/tool", "", mode=0o755)
    name = await live.add(
        {"readme": ""}, runtime="provided.al2023", layers=stated(live, [own / "own-runtime"])
    )
    without = await live.add(
        {"readme": ""}, runtime="provided.al2023", layers=stated(live, [own / "none"])
    )

    assert await shared_by(live, name) == "layer"
    failed = await live.invoke(without)
    assert failed.outcome.error_type == "Runtime.InvalidEntrypoint"
    assert failed.answer["errorMessage"].endswith(
        "Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
    )


async def test_a_layer_version_that_was_never_published(live: Live, own: Path) -> None:
    name = await using(live, "common:3")

    with pytest.raises(
        InvalidManifest, match=r"function\.toml:3: Layer version arn:aws:lambda:us-east-1:"
    ):
        await live.invoke(name)


async def test_a_published_version_keeps_its_layers(live: Live, own: Path) -> None:
    layer = put(own / "common/python/shared.py", "NAME = 'old'")
    put(own / "more/python/more.py", "")
    name = await using(live, own / "common", own / "more")
    assert await shared_by(live, name) == "old"
    first, _ = await live.workbench.versions.publish(name)

    with live.workbench.subscribe(kinds={CodeReloaded}) as feed:
        layer.write_text("NAME = 'new'")
        await told(feed, lambda value: isinstance(value, CodeReloaded))
    second, new = await live.workbench.versions.publish(name)
    again, new_again = await live.workbench.versions.publish(name)
    shutil.rmtree(own)

    assert (first.number, second.number, new) == (1, 2, True)
    assert (again.number, new_again) == (2, False)
    assert [use.stated for use in first.layers] == stated(live, [own / "common", own / "more"])
    assert first.opt_digest != second.opt_digest
    assert [await shared_by(live, f"{name}:{n}") for n in (1, 2)] == ["old", "new"]


async def test_code_and_layers_together_have_one_limit(live: Live, own: Path) -> None:
    for number in range(2):
        place = own / f"large{number}" / "data"
        place.parent.mkdir()
        with place.open("wb") as file:
            file.truncate(140_000_000)  # a hole: nothing of it is on the disk
    name = await using(live, own / "large0", own / "large1")

    with pytest.raises(
        CodeTooLarge, match=r"smaller than 262144000 bytes\. It has 280\d+, 280000000"
    ):
        await live.workbench.versions.publish(name)


# --- layers that are published -----------------------------------------------------------------------


async def test_a_published_layer_never_changes_and_numbers_are_never_reused(
    live: Live, own: Path
) -> None:
    layers, label = live.workbench.layers, own.name
    layer = put(own / "common/python/shared.py", "NAME = 'one'")
    first = await layers.publish(
        label,
        own / "common",
        LayerClaims(description="first", runtimes=[RUNTIME], license="MIT"),
    )
    same = await layers.publish(label, own / "common")
    layer.write_text("NAME = 'three'")
    third = await layers.publish(
        label, a_zip(own / "x.zip", {"python/shared.py": "NAME = 'three'"})
    )
    assert (first.number, same.number, third.number) == (1, 2, 3)
    assert same.package == first.package
    assert (first.runtimes, first.license) == ((RUNTIME,), "MIT")

    names = [await using(live, f"{label}:{number}") for number in (1, 3)]
    shutil.rmtree(own)
    assert [await shared_by(live, name) for name in names] == ["one", "three"]

    assert await layers.delete(third.id)
    assert not await layers.delete(third.id)
    assert (await layers.publish(label, live.root / names[0])).number == 4
    assert [each.number for each in await layers.all(label)] == [1, 2, 4]
    assert {each.name: each.number for each in await layers.newest()}[label] == 4
    with pytest.raises(LayerVersionNotFound, match=rf"layer:{label}:3 does not exist\."):
        await layers.get(third.id)


async def test_who_has_a_deleted_layer_keeps_it_and_nobody_else_gets_it(
    live: Live, own: Path
) -> None:
    put(own / "common/python/shared.py", "NAME = 'one'")
    one = await live.workbench.layers.publish(own.name, own / "common")
    arn = live.workbench.layers.arn(one.id)
    name = await using(live, str(one.id))
    assert await shared_by(live, name) == "one"
    await live.workbench.versions.publish(name)
    await live.workbench.layers.delete(one.id)

    other = await using(live, arn)
    with pytest.raises(InvalidManifest, match=rf"function\.toml:3: Layer version {arn} does not"):
        await live.invoke(other)

    with live.workbench.subscribe(kinds={CodeReloaded}) as feed:
        (live.root / name / "more.py").write_text("")
        await told(feed, lambda value: isinstance(value, CodeReloaded))
    assert await shared_by(live, name) == await shared_by(live, f"{name}:1") == "one"

    assert (await live.workbench.changes.undo()).subject == f"layer {one.id}"
    assert await shared_by(live, other) == "one"


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:lambda:eu-west-1:123456789012:layer:{}:1",
        "arn:aws:lambda:us-east-1:210987654321:layer:{}:1",
    ],
)
async def test_layers_of_elsewhere_are_not_here(live: Live, own: Path, arn: str) -> None:
    put(own / "common/python/shared.py", "NAME = 'one'")
    await live.workbench.layers.publish(own.name, own / "common")
    name = await using(live, arn.format(own.name))

    with pytest.raises(InvalidManifest, match="does not exist"):
        await live.invoke(name)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("a b", {}),
        ("x" * 141, {}),
        ("x", {"description": "x" * 257}),
        ("x", {"license": "x" * 513}),
        ("x", {"runtimes": [f"python3.{n}" for n in range(16)]}),
        ("x", {"runtimes": ["Python 3"]}),
        ("x", {"architectures": ["mips"]}),
    ],
)
async def test_what_lambda_refuses_of_a_layer_is_refused(
    live: Live, own: Path, name: str, more: dict[str, Any]
) -> None:
    put(own / "common/python/shared.py", "")

    with pytest.raises((ConstraintViolated, InvalidParameter)):
        await live.workbench.layers.publish(name, own / "common", LayerClaims(**more))


async def test_nothing_is_no_layer(live: Live, own: Path) -> None:
    for path in (own, own / "nowhere"):
        with pytest.raises(InvalidParameter):
            await live.workbench.layers.publish("x", path)
    put(own / "broken.zip", "PK")
    with pytest.raises(InvalidArchive):
        await live.workbench.layers.publish("x", own / "broken.zip")

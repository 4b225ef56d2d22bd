"""Layers as function.toml states them: where they are, and what cannot be one."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from tests.fakes.clock import EPOCH
from tests.unit.config.conftest import GOOD, HANDLER, RUNTIMES, ProjectOnDisk, complaints
from workbench.config.discovery import ProjectReader
from workbench.model.layer import LayerVersionId
from workbench.model.layer_version import LayerVersion
from workbench.model.release import CodePackage

ARN = "arn:aws:lambda:us-east-1:123456789012:layer"


def a_zip(**files: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/"), text)
    return content.getvalue()


def having(disk: ProjectOnDisk, *layers: str, more: str = "", code: str = HANDLER) -> None:
    stated = ", ".join(f'"{layer}"' for layer in layers)
    disk.function("orders", f"{GOOD}layers = [{stated}]\n{more}", code=code)


def test_a_folder_and_a_zip_of_the_project_and_of_the_function(disk: ProjectOnDisk) -> None:
    disk.write("common/python/shared.py", "")
    disk.write("orders/own/python/own.py", "")
    disk.write("tools.zip", a_zip(bin__tool=""))
    having(disk, "common", "./own", "tools.zip", "../common")

    function = disk.only()

    assert function.problems == ()
    assert [layer.path for layer in function.layers] == [
        disk.root / "common",
        disk.root / "orders" / "own",
        disk.root / "tools.zip",
        disk.root / "common",
    ]
    assert disk.configuration().layers == ("common", "./own", "tools.zip", "../common")


def test_what_is_beside_the_function_wins_over_what_is_beside_the_project(
    disk: ProjectOnDisk,
) -> None:
    disk.write("common/python/shared.py", "")
    disk.write("orders/common/python/shared.py", "")
    having(disk, "common")

    assert disk.only().layers[0].path == disk.root / "orders" / "common"


def test_a_folder_elsewhere(disk: ProjectOnDisk, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "python").mkdir(parents=True)
    having(disk, str(elsewhere))

    assert disk.only().layers[0].path == elsewhere
    assert disk.complaints() == []


def test_published_layer_versions(disk: ProjectOnDisk) -> None:
    having(disk, "common:3", f"{ARN}:tools:12")

    assert [layer.version for layer in disk.only().layers] == [
        LayerVersionId(name="common", number=3),
        LayerVersionId(name="tools", number=12, region="us-east-1", account="123456789012"),
    ]
    assert disk.complaints() == []


def test_two_versions_of_one_layer(disk: ProjectOnDisk) -> None:
    having(disk, "common:3", f"{ARN}:common:4")

    (complaint,) = disk.complaints()
    assert complaint == (
        "orders/function.toml:2: Two different versions of the same layer are not allowed to be "
        f"referenced in the same function. {ARN}:common:3 and {ARN}:common:4 are versions of the "
        "same layer."
    )


def test_layers_of_one_name_in_two_accounts_are_two_layers(disk: ProjectOnDisk) -> None:
    having(disk, "common:3", "arn:aws:lambda:us-east-1:210987654321:layer:common:4")

    assert disk.complaints() == []


def test_says_what_is_not_there_at_its_own_line(disk: ProjectOnDisk) -> None:
    disk.write("common/python/shared.py", "")
    disk.function("orders", f'{GOOD}layers = [\n  "common",\n  "comon",\n]\n')

    assert disk.complaints() == [
        'orders/function.toml:4: Layer "comon": it does not exist. There is no orders/comon nor comon.'
    ]
    assert disk.only().configuration is None
    assert disk.only().layers[1].candidates == (disk.root / "orders" / "comon", disk.root / "comon")


@pytest.mark.parametrize("stated", ["common:0", "common:latest", "common:-1"])
def test_a_published_layer_version_has_a_number(disk: ProjectOnDisk, stated: str) -> None:
    having(disk, stated)

    (complaint,) = disk.complaints()
    assert "A published layer version is NAME:N, with a whole number from 1." in complaint


@pytest.mark.parametrize(
    ("stated", "why"),
    [
        (".", "this folder holds the function itself."),
        ("..", "this folder holds the function itself."),
        ("payments", "this is the folder of a function: it has a function.toml."),
        ("empty", "this folder is empty."),
        ("notes.txt", "it is neither a folder nor a .zip."),
        ("pipe", "it is neither a folder nor a .zip."),
        (
            "broken.zip",
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        ),
    ],
)
def test_what_is_no_layer(disk: ProjectOnDisk, stated: str, why: str) -> None:
    disk.write("payments/function.toml", GOOD)
    disk.write("payments/app.py", HANDLER)
    (disk.root / "empty").mkdir()
    disk.write("notes.txt", "")
    disk.write("broken.zip", "PK")
    os.mkfifo(disk.root / "pipe")
    having(disk, stated)

    assert disk.complaints() == [f'orders/function.toml:2: Layer "{stated}": {why}']
    assert {function.name for function in disk.read().project.functions} == {"orders", "payments"}


def test_modules_where_no_runtime_looks_for_them(disk: ProjectOnDisk) -> None:
    disk.write("common/shared.py", "")
    having(disk, "common")

    (complaint,) = disk.complaints()
    assert complaint.startswith(
        'orders/function.toml:2: Layer "common": what is in it is not found'
    )
    assert not disk.only().broken


def test_a_layer_of_data_needs_no_folder_of_any_runtime(disk: ProjectOnDisk) -> None:
    disk.write("common/prices.json", "{}")
    having(disk, "common")

    assert disk.complaints() == []


def test_defaults_are_for_functions_that_state_none(disk: ProjectOnDisk) -> None:
    disk.write("workbench.toml", '[defaults]\nlayers = ["common"]\n')
    disk.write("common/python/shared.py", "")
    disk.function("orders")
    disk.function("payments", f"{GOOD}layers = []")
    disk.function("reports", f'{GOOD}image = "mine:1"')

    functions = {function.name: function for function in disk.read().project.functions}

    assert disk.complaints() == []
    assert [layer.stated for layer in functions["orders"].layers] == ["common"]  # type: ignore[index]
    assert functions["payments"].layers == functions["reports"].layers == ()  # type: ignore[index]


def test_a_wrong_default_is_said_where_it_stands(disk: ProjectOnDisk) -> None:
    disk.write("workbench.toml", '[defaults]\nmemory_mb = 256\nlayers = ["common"]\n')
    disk.function("orders")

    assert disk.complaints() == [
        'workbench.toml:3: Layer "common": it does not exist. There is no orders/common nor common.'
    ]


def test_a_function_with_an_image_of_its_own_has_none(disk: ProjectOnDisk) -> None:
    disk.write("common/python/shared.py", "")
    having(disk, "common", more='image = "mine:1"\n')

    (complaint,) = disk.complaints()
    assert complaint == (
        "orders/function.toml:2: A function with an image of its own cannot have layers: their files "
        "belong in the image. Remove layers, or image."
    )


def test_a_layer_is_no_function_and_no_code_of_one(disk: ProjectOnDisk) -> None:
    disk.write("common/python/template/function.toml", GOOD)
    disk.write("payments/lib [1]/python/shared.py", "")
    disk.function("payments")
    having(disk, "common", "../payments/lib [1]")

    functions = {str(function.name): function for function in disk.read().project.functions}

    assert sorted(functions) == ["orders", "payments"]
    assert functions["payments"].ignored_paths == ("/lib\\ \\[1\\]",)
    assert disk.complaints() == []


def test_a_handler_may_come_from_a_layer(disk: ProjectOnDisk) -> None:
    disk.write("common/python/app.py", HANDLER)
    having(disk, "common", code="")

    assert not disk.only().broken


@pytest.mark.parametrize(
    ("file", "broken", "said"),
    [("bootstrap", False, False), ("bin/tool", False, True), (None, True, True)],
)
def test_bootstrap_may_come_from_a_layer(
    disk: ProjectOnDisk, file: str | None, broken: bool, said: bool
) -> None:
    layers = ""
    if file is not None:
        disk.write(f"common/{file}", "").chmod(0o755)
        layers = 'layers = ["common"]'
    disk.function("orders", f'runtime = "provided.al2023"\n{layers}', code="")

    assert disk.only().broken is broken
    assert any("There is no bootstrap here" in each for each in disk.complaints()) is said


# --- what a published one says that it is for ---------------------------------------------------------


def a_published_layer(**said: tuple[str, ...]) -> LayerVersion:
    package = CodePackage(digest="0" * 64, sha256="", zip_bytes=1, unzipped_bytes=1)
    return LayerVersion(name="tools", number=1, created_at=EPOCH, package=package, **said)  # type: ignore[arg-type]


def warnings(disk: ProjectOnDisk, **said: tuple[str, ...]) -> list[str]:
    """Of a project in which tools:1 is published, and says that."""
    found = {("tools", 1): a_published_layer(**said)}
    reader = ProjectReader(
        disk.root,
        runtimes=RUNTIMES,
        find_layer=lambda asked: found.get((asked.name, asked.number)),
    )
    (function,) = reader.files.project.functions
    assert not function.broken
    assert reader.read_function(function.folder) == function
    return complaints(function.problems, disk.root)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"runtimes": ("nodejs20.x", "python3.11")}, "nodejs20.x, python3.11, not python3.13."),
        ({"architectures": ("arm64",)}, "arm64, not x86_64."),
        (
            {"runtimes": ("python3.11",), "architectures": ("arm64",)},
            "python3.11, not python3.13, and for arm64, not x86_64.",
        ),
    ],
)
def test_a_layer_for_other_functions_is_warned_of_where_it_is_stated(
    disk: ProjectOnDisk, said: dict[str, tuple[str, ...]], message: str
) -> None:
    having(disk, f"{ARN}:tools:1")

    assert warnings(disk, **said) == [
        f"orders/function.toml:2: Layer tools:1 says that it is for {message}"
    ]


def test_so_is_one_that_all_functions_have(disk: ProjectOnDisk) -> None:
    disk.write("workbench.toml", '[defaults]\nlayers = [\n  "tools:1",\n]\n')
    disk.function("orders", GOOD)

    assert warnings(disk, runtimes=("nodejs20.x",)) == [
        "workbench.toml:3: Layer tools:1 says that it is for nodejs20.x, not python3.13."
    ]


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        ("tools:1", {}),
        ("tools:1", {"runtimes": ("python3.11", "python3.13"), "architectures": ("x86_64",)}),
        ("tools:2", {"runtimes": ("python3.11",)}),
        (f"{ARN.replace('us-east-1', 'eu-west-1')}:tools:1", {"runtimes": ("python3.11",)}),
        (f"{ARN.replace('123456789012', '000000000000')}:tools:1", {"runtimes": ("python3.11",)}),
    ],
)
def test_one_that_fits_or_is_not_here_is_not(
    disk: ProjectOnDisk, layer: str, said: dict[str, tuple[str, ...]]
) -> None:
    having(disk, layer)

    assert warnings(disk, **said) == []

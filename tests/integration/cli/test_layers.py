"""`workbench layer`, as people run it."""

from __future__ import annotations

from tests.integration.cli.program import RUNTIME, Project, wait_line

SHARED = "import shared\n\ndef handler(event, context):\n    return shared.NAME\n"


def test_from_a_folder_to_a_function_that_uses_it(project: Project) -> None:
    module = project.root / "common" / "python" / "shared.py"
    module.parent.mkdir(parents=True)
    module.write_text("NAME = 'one'\n")

    published = project.run(
        "layer", "publish", "common", "common", "--description", "what is shared",
        "--compatible-runtime", "python3.13", "--json",
    )  # fmt: skip
    module.write_text("NAME = 'two'\n")
    second = project.run("layer", "publish", "common", "common")
    project.add("sharing", app=SHARED, manifest='layers = ["common:1"]\n')
    answered = project.run("invoke", "sharing")
    listed = project.run("layer", "ls", "--json")
    both = project.run("layer", "ls", "common")
    shown = project.run("layer", "show", "common:1")

    assert published.code == 0
    assert published.json["arn"] == "arn:aws:lambda:us-east-1:123456789012:layer:common:1"
    assert published.json["compatible_runtimes"] == ["python3.13"]
    assert (second.text, second.code) == ("common:2\n", 0)
    assert answered.json == "one"
    assert [(each["name"], each["version"]) for each in listed.json] == [("common", 2)]
    assert "what is shared" in both.text
    assert f"code sha256: {published.json['code_sha256']}" in shown.text


def test_removed_missing_and_misspelt(project: Project) -> None:
    (project.root / "common" / "python").mkdir(parents=True)
    (project.root / "common" / "python" / "shared.py").write_text("")
    project.run("layer", "publish", "common", "common")

    removed = project.run("layer", "rm", "common:1")
    again = project.run("layer", "rm", "common:1", "--json")
    missing = project.run("layer", "show", "common:1")
    undone = project.run("undo")
    back = project.run("layer", "show", "common:1", "--json")
    misspelt = project.run("layer", "rm", "common")
    nothing = project.run("layer", "publish", "common")

    assert (removed.code, again.json["deleted"]) == (0, False)
    assert missing.code == 2
    assert "layer:common:1 does not exist" in missing.err
    assert undone.code == 0
    assert back.json["version"] == 1
    assert "use NAME:N" in misspelt.err
    assert "layer publish NAME FOLDER" in nothing.err


def test_who_has_one_for_another_runtime_is_warned(project: Project) -> None:
    (project.root / "common" / "python").mkdir(parents=True)
    (project.root / "common" / "python" / "shared.py").write_text("NAME = 'fine'\n")
    project.run("layer", "publish", "common", "common", "--compatible-runtime", "nodejs20.x")
    project.add("sharing", app=SHARED, manifest='layers = ["common:1"]\n')
    warned = f"Layer common:1 says that it is for nodejs20.x, not {RUNTIME}."

    listed = project.run("ls")
    examined = project.run("doctor", "--brief", "--json")
    answered = project.run("invoke", "sharing")
    with project.serving() as (process, _):
        told = wait_line(process, "function.toml")

    assert f"sharing/function.toml:3: warning: {warned}\n" in listed.err
    (project_finding,) = [each for each in examined.json if each["subject"] == "project"]
    assert project_finding["cause"].endswith(warned)
    assert answered.json == "fine"
    assert told.endswith(f"sharing/function.toml:3: warning: {warned}\n")


def test_releases_that_cannot_be_read_keep_no_function_from_being_listed(project: Project) -> None:
    project.add("sharing", manifest='layers = ["common:1"]\n')
    (project.root / ".workbench").mkdir()
    (project.root / ".workbench" / "releases.db").write_bytes(b"no database at all, by any means")

    listed = project.run("ls", "--json")

    assert [each["name"] for each in listed.json] == ["orders", "sharing"]

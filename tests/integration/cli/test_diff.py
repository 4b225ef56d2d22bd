"""`diff` as a program: what it prints, and how it ends."""

from __future__ import annotations

from tests.integration.cli.program import APP, Project

MANIFEST = '[environment]\nSTAGE = "{}"\nAPI_KEY = "{}"\n'


def edit(project: Project, app: str, stage: str, key: str) -> None:
    folder = project.root / "shop"
    (folder / "app.py").write_text(app)
    manifest = folder / "function.toml"
    head = manifest.read_text().partition("[environment]")[0]
    manifest.write_text(head + MANIFEST.format(stage, key))


def test_what_two_versions_differ_in(project: Project) -> None:
    project.add("shop")
    edit(project, APP, "dev", "first-secret")
    assert project.run("diff", "shop").code == 2
    assert project.run("publish", "shop").text == "1\n"

    same = project.run("diff", "shop")
    assert (same.code, same.out) == (0, b"")
    assert "shop: 1 and $LATEST are the same." in same.err

    hostile = APP.replace('"answer"', '"reply\x1b]0;owned\x07\x1b[2J"')
    edit(project, hostile, "prod", "second-secret")
    (project.root / "shop" / "logo").write_bytes(b"\0" * 2048)
    found = project.run("diff", "shop")
    assert found.code == 1
    assert found.text.startswith("shop: 1 -> $LATEST\n\ncode:\n~ app.py\n  @@ ")
    assert '  -    return {"answer": event}' in found.text
    assert "+ logo (binary, 2.0 KB)\n" in found.text
    assert '~ STAGE: "dev" -> "prod"\n' in found.text
    assert "~ API_KEY: •••••••• (changed)\n" in found.text
    assert "secret" not in found.text

    shown = project.on_terminal("diff", "shop", "1", "$LATEST")
    assert shown.code == 1
    assert b"\x1b]0;" not in shown.out
    assert b"\x1b[2J" not in shown.out
    assert b"secret" not in shown.out

    value = project.run("diff", "shop", "1", "--json")
    assert (value.code, value.json["equal"], value.json["b"]) == (1, False, "$LATEST")
    assert [each["path"] for each in value.json["code"]] == ["app.py", "logo"]
    assert b"-secret" not in value.out

    back = project.run("diff", "shop", "$LATEST", "1", "--json").json
    assert back["code"][1]["change"] == "removed"


def test_layers_are_told_by_what_they_hold(project: Project) -> None:
    layer = project.root / "common" / "python"
    layer.mkdir(parents=True)
    (layer / "tax.py").write_text("RATE = 1\n")
    project.add("shop", manifest='layers = ["../common"]\n')
    assert project.run("publish", "shop").text == "1\n"
    assert project.run("diff", "shop").code == 0

    (layer / "tax.py").write_text("RATE = 2\n")
    changed = project.run("diff", "shop", "--json")

    assert changed.code == 1
    (found,) = changed.json["layers"]
    assert (found["position"], found["change"]) == (1, "changed")
    assert found["a"]["stated"] == found["b"]["stated"] == "../common"
    assert found["a"]["digest"] != found["b"]["digest"]
    assert changed.json["code"] == changed.json["configuration"] == []

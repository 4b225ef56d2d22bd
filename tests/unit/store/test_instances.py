from __future__ import annotations

import json
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fakes.clock import EPOCH
from workbench.store.instances import (
    Instance,
    InstanceKind,
    claim,
    dead_instances,
    live_instances,
    lock_is_held,
)


def test_an_instance_lives_while_its_context_is_open(tmp_path: Path) -> None:
    with Instance.open(tmp_path, kind=InstanceKind.SERVE, started_at=EPOCH) as instance:
        assert lock_is_held(instance.lock)
        assert live_instances(tmp_path) == (instance.info,)
        assert instance.info.pid == os.getpid()

    assert not lock_is_held(instance.lock)
    assert live_instances(tmp_path) == ()
    assert list((tmp_path / "instances").iterdir()) == []


def test_several_instances_live_side_by_side(tmp_path: Path) -> None:
    with (
        Instance.open(tmp_path, kind=InstanceKind.TUI, started_at=EPOCH) as one,
        Instance.open(tmp_path, kind=InstanceKind.CLI, started_at=EPOCH) as two,
    ):
        assert {info.instance for info in live_instances(tmp_path)} == {one.name, two.name}


def test_what_becomes_known_later_is_announced(tmp_path: Path) -> None:
    with Instance.open(tmp_path, kind=InstanceKind.SERVE, started_at=EPOCH) as instance:
        instance.announce(engine="docker")
        instance.announce(address="http://127.0.0.1:9100")

        (info,) = live_instances(tmp_path)

    assert (info.engine, info.address) == ("docker", "http://127.0.0.1:9100")
    assert info.started_at == EPOCH


def test_a_lock_file_that_nobody_holds_is_a_dead_instance(tmp_path: Path) -> None:
    folder = tmp_path / "instances"
    folder.mkdir()
    (folder / "0a1b2c3d.lock").touch()
    (folder / "ffff0000.json").write_text("{}")
    (folder / "README.txt").write_text("not an instance")

    assert not lock_is_held(folder / "0a1b2c3d.lock")
    assert dead_instances(tmp_path) == {"0a1b2c3d", "ffff0000"}


def test_a_living_instance_cannot_be_claimed(tmp_path: Path) -> None:
    with Instance.open(tmp_path, kind=InstanceKind.CLI, started_at=EPOCH) as instance:
        with claim(tmp_path, instance.name) as claimed:
            assert not claimed

        assert live_instances(tmp_path) == (instance.info,)


def test_a_dead_instance_is_claimed_by_one_and_its_files_go(tmp_path: Path) -> None:
    folder = tmp_path / "instances"
    folder.mkdir()
    (folder / "0a1b2c3d.lock").touch()
    (folder / "0a1b2c3d.json").write_text("{}")

    with claim(tmp_path, "0a1b2c3d") as first, claim(tmp_path, "0a1b2c3d") as second:
        assert first
        assert not second

    assert list(folder.iterdir()) == []


def test_who_puts_dead_ones_away_meanwhile_takes_no_living_one_for_dead(tmp_path: Path) -> None:
    over = threading.Event()

    def put_away() -> int:
        taken = 0
        while not over.is_set():
            for name in dead_instances(tmp_path):
                with claim(tmp_path, name) as claimed:
                    taken += claimed
        return taken

    with ThreadPoolExecutor() as others:
        going = [others.submit(put_away) for _ in range(2)]
        try:
            for _ in range(300):
                with Instance.open(tmp_path, kind=InstanceKind.CLI, started_at=EPOCH) as instance:
                    assert lock_is_held(instance.lock)
                    assert live_instances(tmp_path) == (instance.info,)
        finally:
            over.set()
        for each in going:
            each.result()

    for name in dead_instances(tmp_path):  # told of by the others, right before they were over
        with claim(tmp_path, name):
            pass
    assert list((tmp_path / "instances").iterdir()) == []


def test_nothing_can_be_claimed_where_there_is_no_folder(tmp_path: Path) -> None:
    with claim(tmp_path / "nowhere", "0a1b2c3d") as claimed:
        assert not claimed


def test_files_stay_when_putting_away_failed(tmp_path: Path) -> None:
    (tmp_path / "instances").mkdir()
    (tmp_path / "instances" / "0a1b2c3d.lock").touch()

    with pytest.raises(RuntimeError), claim(tmp_path, "0a1b2c3d"):
        raise RuntimeError

    assert dead_instances(tmp_path) == {"0a1b2c3d"}


def test_where_the_folder_cannot_be_made_the_lock_is_held_elsewhere(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_text("a file where a folder should be")

    with Instance.open(state, kind=InstanceKind.CLI, started_at=EPOCH) as instance:
        assert lock_is_held(instance.lock)
        assert live_instances(state) == ()

    assert not instance.lock.parent.exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"instance": 7}',
        '{"instance": "NAME", "pid": "x", "started_at": "now", "kind": "cli"}',
        '{"instance": "somebody", "pid": 1, "started_at": "2026-01-01T00:00:00+00:00", "kind": "cli"}',
    ],
)
def test_an_entry_that_says_nonsense_is_not_listed(tmp_path: Path, content: str) -> None:
    with Instance.open(tmp_path, kind=InstanceKind.CLI, started_at=EPOCH) as instance:
        entry = instance.lock.with_suffix(".json")
        entry.write_text(content.replace("NAME", instance.name))

        assert live_instances(tmp_path) == ()


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    with Instance.open(tmp_path, kind=InstanceKind.CLI, started_at=EPOCH) as instance:
        assert stat.S_IMODE(instance.lock.stat().st_mode) == 0o600
        assert stat.S_IMODE(instance.lock.parent.stat().st_mode) == 0o700


def test_the_entry_is_plain_json(tmp_path: Path) -> None:
    with Instance.open(tmp_path, kind=InstanceKind.TUI, started_at=EPOCH) as instance:
        content = json.loads(instance.lock.with_suffix(".json").read_text())

    assert content == {
        "instance": instance.name,
        "pid": os.getpid(),
        "started_at": EPOCH.isoformat(),
        "kind": "tui",
        "address": None,
        "engine": None,
        "control": None,
        "token": None,
    }

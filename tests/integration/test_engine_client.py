"""A container engine that takes connections and says nothing, as one does that was stopped by SIGSTOP."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from workbench.docker import client
from workbench.docker.client import EngineClient
from workbench.errors import EngineUnreachable


async def test_engine_that_is_there_and_silent_is_given_up_with_the_cause(
    socket_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{socket_folder}/engine")
    monkeypatch.setattr(client, "CONNECT_S", 1)
    taken: list[asyncio.StreamWriter] = []
    server = await asyncio.start_unix_server(
        lambda _, writer: taken.append(writer), f"{socket_folder}/engine"
    )
    try:
        with pytest.raises(EngineUnreachable) as caught:
            await EngineClient.connect()
    finally:
        server.close()
        for writer in taken:
            writer.close()

    assert caught.value.cause == (
        f"The container engine at unix://{socket_folder}/engine is there, but does not answer: "
        "nothing came in 1 s."
    )
    assert caught.value.remedy.endswith("the workbench goes on by itself.")

"""What a supervisor passes to the workbench, and what it relays when it cannot, on a real engine."""

from __future__ import annotations

import pytest

from tests.e2e.containers import docker_subject
from tests.integration.conformance.acts import Act
from tests.integration.conformance.container_driver import begin
from tests.integration.conformance.witness import Witness
from workbench.docker.container import DockerContainer
from workbench.model.container import LogStream

pytestmark = pytest.mark.docker

ASKS = Act("asks", 'os.write(1, b"line\\n")\ncall("/held")\ncall("/again")')

USES_UP_WHAT_IS_ON_ITS_WAY = Act(
    "uses up what is on its way",
    """
import errno
ours, theirs = socket.socketpair()
ours.setblocking(False)
try:
    while True:
        socket.send_fds(ours, [b"x"], [ours.fileno()] * 250)
except OSError as error:
    os.write(1, errno.errorcode[error.errno].encode() + b"\\n")
call("/held")
call("/again")
""",
)


@pytest.mark.parametrize("attached", [False, True])
async def test_connection_is_read_by_the_workbench_itself_where_it_can_be(
    attached: bool,
) -> None:
    witness = Witness(holds={"/held"})
    async with docker_subject(attached=attached) as subject:
        container = await begin(subject, ASKS, witness)
        assert isinstance(container, DockerContainer)
        await witness.until_asked("/held")
        passed = len(container.channel.passed.connections)
        witness.release()
        await witness.until_exit()
        left = len(container.channel.passed.connections)
        await container.remove()

    assert passed == (0 if attached else 1)
    assert left == 0
    assert witness.log(LogStream.STDOUT) == b"line\n"


async def test_function_that_keeps_descriptors_from_being_passed_is_served_and_harms_nobody() -> (
    None
):
    hostile, other = Witness(holds={"/held"}), Witness()
    async with docker_subject() as subject:
        container = await begin(subject, USES_UP_WHAT_IS_ON_ITS_WAY, hostile)
        assert isinstance(container, DockerContainer)
        await hostile.until_asked("/held")
        assert container.channel.passed.connections == {}
        beside = await begin(subject, ASKS, other)
        await other.until_exit()
        hostile.release()
        await hostile.until_exit()
        await container.remove()
        await beside.remove()

    assert hostile.log(LogStream.STDOUT) == b"ETOOMANYREFS\n"
    assert hostile.asked == other.asked == ["/held", "/again"]
    assert hostile.losses == other.losses == []
    assert other.log(LogStream.STDOUT) == b"line\n"

"""The runtime's session: its table, then at random."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from workbench.errors import InternalError, ProtocolError
from workbench.model.names import RequestId
from workbench.runtime_api.protocol import TRANSITIONS, Call, RuntimeSession, SessionState

CURRENT = RequestId("current")


def session_in(state: SessionState) -> RuntimeSession:
    """A session that came to `state` the way a runtime would."""
    session = RuntimeSession()
    if state is SessionState.INIT_ERROR:
        session.failed_to_initialise()
    if state in (SessionState.READY, SessionState.RUNNING, SessionState.RESPONSE_SENT):
        session.asked_for_work()
    if state in (SessionState.RUNNING, SessionState.RESPONSE_SENT):
        session.given(CURRENT)
    if state is SessionState.RESPONSE_SENT:
        session.answered(CURRENT, Call.RESPONSE)
    assert session.state is state
    return session


def make(session: RuntimeSession, call: Call, request_id: str = CURRENT) -> None:
    """A runtime makes `call`."""
    match call:
        case Call.NEXT:
            session.asked_for_work()
        case Call.INIT_ERROR:
            session.failed_to_initialise()
        case _:
            session.answered(request_id, call)


@pytest.mark.parametrize("call", list(Call))
@pytest.mark.parametrize("state", list(SessionState))
def test_every_call_in_every_state_does_what_the_table_says_or_nothing(
    state: SessionState, call: Call
) -> None:
    session = session_in(state)
    following = TRANSITIONS[state].get(call)
    if following is None:
        with pytest.raises(ProtocolError) as refused:
            make(session, call)
        assert refused.value.status in (400, 403)
        assert session.state is state
    else:
        make(session, call)
        assert session.state is following


@pytest.mark.parametrize("state", [s for s in SessionState if s is not SessionState.READY])
def test_handing_an_event_to_a_runtime_that_does_not_wait_is_our_bug(state: SessionState) -> None:
    session = session_in(state)
    with pytest.raises(InternalError):
        session.given(RequestId("another"))
    assert session.state is state


@pytest.mark.parametrize("state", list(SessionState))
def test_reset_leads_to_the_beginning_from_everywhere(state: SessionState) -> None:
    session = session_in(state)
    session.reset()

    assert session.state is SessionState.STARTED
    with pytest.raises(ProtocolError, match="Invalid request ID"):
        session.answered(CURRENT, Call.RESPONSE)


def test_checking_an_answer_changes_nothing() -> None:
    session = session_in(SessionState.RUNNING)
    assert session.check_answer(CURRENT, Call.RESPONSE) == CURRENT
    assert session.check_answer(CURRENT, Call.ERROR) == CURRENT
    assert session.state is SessionState.RUNNING


def test_asking_for_work_says_whether_it_was_ready_before() -> None:
    session = RuntimeSession()
    assert session.asked_for_work()
    assert not session.asked_for_work()
    session.given(CURRENT)
    assert not session.asked_for_work(), "it is given what it has again"


class AnyRuntime(RuleBasedStateMachine):
    """A runtime that does anything, against what must hold whatever it does."""

    def __init__(self) -> None:
        super().__init__()
        self.session = RuntimeSession()
        self.given = 0
        self.answers: dict[str, int] = {}
        self.init_errors = 0
        self.asked = False

    @property
    def newest(self) -> RequestId:
        return RequestId(f"request {self.given}")

    @rule()
    def asks(self) -> None:
        before = self.session.state
        if before is SessionState.INIT_ERROR:
            with pytest.raises(ProtocolError, match="InitError to Ready"):
                self.session.asked_for_work()
            return
        became_ready = self.session.asked_for_work()
        self.asked = True
        assert became_ready == (self.session.state is SessionState.READY is not before)

    @precondition(lambda self: self.session.state is SessionState.READY)
    @rule()
    def is_given_an_event(self) -> None:
        self.given += 1
        self.session.given(self.newest)

    @rule(call=st.sampled_from([Call.RESPONSE, Call.ERROR]), which=st.integers(-1, 3))
    def answers_something(self, call: Call, which: int) -> None:
        named = f"request {self.given - which}" if which >= 0 else "nonsense"
        before = self.session.state
        try:
            taken = self.session.answered(named, call)
        except ProtocolError:
            assert self.session.state is before
            return
        assert before is SessionState.RUNNING
        assert taken == named == self.newest
        self.answers[named] = self.answers.get(named, 0) + 1

    @rule()
    def says_it_could_not_initialise(self) -> None:
        try:
            self.session.failed_to_initialise()
        except ProtocolError:
            return
        assert not self.asked, "only before it asked for work"
        self.init_errors += 1

    @rule()
    def dies(self) -> None:
        self.session.reset()
        self.asked = False
        self.init_errors = 0

    @invariant()
    def nothing_is_answered_twice(self) -> None:
        assert all(count == 1 for count in self.answers.values())

    @invariant()
    def there_is_at_most_one_init_error(self) -> None:
        assert self.init_errors <= 1


TestAnyRuntime = AnyRuntime.TestCase
TestAnyRuntime.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)

"""Tokens are seen once, kept hashed, found in constant time, and gone when they are revoked."""

import json
import stat
from pathlib import Path

import pytest

from rollout.daemon.auth.role import Role, covers
from rollout.daemon.auth.sessions import SESSIONS_MAX, Sessions, TicketFor
from rollout.daemon.auth.tokens import ADMIN_FILE, FILE, Tokens, open_tokens
from rollout.errors import StateUnusable, UsageError


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.t = 1_000.0

    def __call__(self) -> float:
        return self.t


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def tokens(state: Path, clock: Hands) -> Tokens:
    return Tokens(state, clock=clock, wall=clock)


def test_a_token_is_kept_as_a_hash_in_a_file_of_its_owner(state: Path, tokens: Tokens) -> None:
    token = tokens.create("ann", [Role.OPERATOR, Role.VIEWER]).reveal()
    kept = (state / FILE).read_text(encoding="utf-8")
    assert token not in kept
    assert token.rpartition("_")[2] not in kept
    assert stat.S_IMODE((state / FILE).stat().st_mode) == 0o600
    person = tokens.find(token)
    assert person is not None
    assert (person.name, person.roles) == ("ann", (Role.VIEWER, Role.OPERATOR))


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: t + "x", lambda t: t.swapcase(), lambda _: "", lambda _: "é"]
)
def test_what_is_not_exactly_a_token_finds_nobody(tokens: Tokens, change: object) -> None:
    token = tokens.create("ann", [Role.ADMIN]).reveal()
    assert callable(change)
    assert tokens.find(change(token)) is None


def test_another_process_revokes_and_it_is_seen_within_a_second(state: Path, tokens: Tokens, clock: Hands) -> None:
    token = tokens.create("ann", [Role.VIEWER]).reveal()
    person = tokens.find(token)
    assert person is not None
    assert [each.name for each in Tokens(state).revoke(person.token)] == ["ann"]
    clock.t += 1.0
    assert tokens.find(token) is None
    assert not tokens.stands(person.token)


def test_a_token_that_another_process_made_is_known_at_once(state: Path, tokens: Tokens) -> None:
    assert tokens.find(tokens.create("ann", [Role.VIEWER]).reveal()) is not None
    made = Tokens(state).create("bob", [Role.APPROVER]).reveal()
    found = tokens.find(made)
    assert found is not None
    assert found.name == "bob"


def test_all_tokens_of_a_person_go_by_their_name(tokens: Tokens) -> None:
    for name in ("ann", "ann", "bob"):
        tokens.create(name, [Role.VIEWER])
    assert len(tokens.revoke("ann")) == 2
    assert [each.name for each in tokens.all()] == ["bob"]
    with pytest.raises(UsageError, match="no token"):
        tokens.revoke("ann")


def test_a_token_that_lasts_a_while_ends_by_itself(tokens: Tokens, clock: Hands) -> None:
    token = tokens.create("ann", [Role.VIEWER], lasting_s=60.0).reveal()
    assert tokens.find(token) is not None
    clock.t += 60.0
    assert tokens.find(token) is None


@pytest.mark.parametrize("name", ["", "policy", "Engine", "a b", "a\n", "-x", "x" * 65, "../x"])
def test_only_a_persons_name_can_have_a_token(tokens: Tokens, name: str) -> None:
    with pytest.raises(UsageError):
        tokens.create(name, [Role.VIEWER])
    assert not tokens.all()


def test_the_first_admin_token_is_left_once_in_a_private_file(state: Path, tokens: Tokens) -> None:
    path = tokens.ensure_admin("ann")
    assert path == state / ADMIN_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    person = tokens.find(path.read_text(encoding="ascii").strip())
    assert person is not None
    assert person.roles == (Role.ADMIN,)
    assert tokens.ensure_admin("ann") is None


def test_a_file_that_others_could_have_written_is_not_believed(state: Path, tokens: Tokens) -> None:
    tokens.create("ann", [Role.ADMIN])
    (state / FILE).chmod(0o644)
    with pytest.raises(StateUnusable, match="0600"):
        tokens.all()
    (state / FILE).unlink()
    (state / FILE).symlink_to("/dev/null")
    with pytest.raises(StateUnusable):
        tokens.all()


def test_a_damaged_file_says_so(state: Path, tokens: Tokens) -> None:
    (state / FILE).write_text(json.dumps({"version": 1, "tokens": [{}]}), encoding="utf-8")
    (state / FILE).chmod(0o600)
    with pytest.raises(StateUnusable, match="no list of tokens"):
        tokens.all()


def test_tokens_can_be_made_before_any_engine_ran(tmp_path: Path) -> None:
    open_tokens(tmp_path / "new").create("ann", [Role.ADMIN])
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_an_admin_may_do_everything_and_everybody_may_look() -> None:
    assert all(covers([Role.ADMIN], role) for role in Role)
    assert all(covers([role], Role.VIEWER) for role in Role)
    assert not covers([Role.OPERATOR], Role.APPROVER)
    assert not covers([Role.APPROVER], Role.OPERATOR)
    assert not covers([], Role.VIEWER)


def test_a_ticket_is_good_once_for_what_it_was_made_for_and_for_a_while(tokens: Tokens, clock: Hands) -> None:
    sessions = Sessions(tokens, clock=clock)
    person = tokens.find(tokens.create("ann", [Role.VIEWER]).reveal())
    assert person is not None
    ticket, lasting_s = sessions.ticket(person, TicketFor.UI)
    assert sessions.redeem(ticket, TicketFor.UI) == person
    assert sessions.redeem(ticket, TicketFor.UI) is None
    other, _ = sessions.ticket(person, TicketFor.UI)
    assert sessions.redeem(other, TicketFor.EVENTS) is None
    late, _ = sessions.ticket(person, TicketFor.UI)
    clock.t += lasting_s
    assert sessions.redeem(late, TicketFor.UI) is None


def test_a_session_ends_with_its_time_and_with_its_token(tokens: Tokens, clock: Hands) -> None:
    sessions = Sessions(tokens, clock=clock)
    person = tokens.find(tokens.create("ann", [Role.VIEWER]).reveal())
    assert person is not None
    session, lasting_s = sessions.open(person)
    found = sessions.find(session)
    assert found is not None
    assert (found.name, found.bucket == person.bucket) == ("ann", False)
    clock.t += lasting_s
    assert sessions.find(session) is None
    again, _ = sessions.open(person)
    tokens.revoke("ann")
    clock.t += 1.0
    assert sessions.find(again) is None


def test_sessions_are_bounded_and_the_oldest_gives_way(tokens: Tokens, clock: Hands) -> None:
    sessions = Sessions(tokens, clock=clock)
    person = tokens.find(tokens.create("ann", [Role.VIEWER]).reveal())
    assert person is not None
    made = [sessions.open(person)[0] for _ in range(SESSIONS_MAX + 1)]
    assert sessions.find(made[0]) is None
    assert sessions.find(made[-1]) is not None

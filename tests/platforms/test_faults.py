"""What each reply proves: wire facts' classification and the table of faults, case by case."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.core.outcome import (
    Accepted,
    Failed,
    Handle,
    Lost,
    Outcome,
    Refused,
    RefusedKind,
    Running,
    Succeeded,
    Unknown,
    Unreachable,
)
from rollout.core.snapshot import Absent, Snapshot
from rollout.platforms.classic.exchange import Break, Broken, Reply
from rollout.platforms.classic.faults import observed, polled, retry_after_s, submit_outcome
from rollout.platforms.classic.vocabulary import ErrorCode

ID = "0f8fad5bd9cb469fa16570867728950e"
HANDLE = Handle("sub", ID)
ID_HEADER = (("x-ms-request-id", ID),)
HTML = b"<!DOCTYPE html><html><body>sig=CANARY&amp; proxy</body></html>"


def error(status: int, code: str, message: str = "", *headers: tuple[str, str]) -> Reply:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Reply(status, headers, body.encode())


def golden(kit: Any, status: int, name: str) -> Reply:
    return Reply(status, ID_HEADER, (kit.golden / f"{name}.response.xml").read_bytes())


def submitted(exchange: Reply | Broken) -> Outcome:
    return submit_outcome(exchange, "sub")


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize("spelling", [ID, "0F8FAD5B-D9CB-469F-A165-70867728950E"])
def test_any_success_with_a_request_id_is_acceptance(status: int, spelling: str) -> None:
    assert submitted(Reply(status, (("x-ms-request-id", spelling),))) == Accepted(HANDLE)


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("x-ms-request-id", ""),),
        (("x-ms-request-id", "f" * 4_096),),
        (("x-ms-request-id", ID + "\r\nx: y"),),
        (*ID_HEADER, *ID_HEADER),
    ],
    ids=["missing", "empty", "4KiB", "with-CR-LF", "twice"],
)
def test_r9_a_success_without_one_well_formed_request_id_is_lost(headers: tuple[tuple[str, str], ...]) -> None:
    assert isinstance(submitted(Reply(202, headers)), Lost)


def test_an_error_under_a_success_is_lost() -> None:
    assert isinstance(submitted(error(200, "BadRequest", "", *ID_HEADER)), Lost)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (503, "TooManyRequests"),
        (503, "ServerBusy"),
        (503, "serverbusy"),
        (429, "TooManyRequests"),
        (400, "TooManyRequests"),
        (500, "TooManyRequests"),
    ],
)
def test_throttling_is_known_by_its_code(status: int, code: str) -> None:
    outcome = submitted(error(status, code, "Too many requests", ("retry-after", "7")))
    assert isinstance(outcome, Refused)
    assert (outcome.kind, outcome.retry_after_s) == (RefusedKind.THROTTLED, 7.0)


def test_429_is_a_throttle_whatever_it_says() -> None:
    outcome = submitted(Reply(429, body=HTML))
    assert isinstance(outcome, Refused)
    assert (outcome.kind, outcome.retry_after_s) == (RefusedKind.THROTTLED, None)


@pytest.mark.parametrize("name", ["error.locked", "error.locked-without-id"])
def test_the_exclusive_access_text_means_busy_with_and_without_an_id(kit: Any, name: str) -> None:
    outcome = submitted(golden(kit, 409, name))
    assert isinstance(outcome, Refused)
    assert outcome.kind is RefusedKind.BUSY
    assert (kit.request_id in outcome.error) is (name == "error.locked")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (409, "ConflictError"),
        (400, "BadRequest"),
        (400, "InvalidXmlRequest"),
        (401, "AuthenticationFailed"),
        (403, "AuthenticationFailed"),
        (404, "ResourceNotFound"),
    ],
)
def test_every_other_error_of_the_api_is_a_rejection_with_its_text(status: int, code: str) -> None:
    outcome = submitted(error(status, code, "because"))
    assert outcome == Refused(RefusedKind.REJECTED, f"HTTP {status} {code}: because")


@pytest.mark.parametrize("location", ["https://ussouth.example/sub/x?comp=upgrade&sig=CANARY", "//[broken", ""])
def test_r1_r2_r3_r4_a_307_is_refused_and_only_its_host_is_named(location: str) -> None:
    outcome = submitted(Reply(307, (("location", location),)))
    assert isinstance(outcome, Refused)
    assert outcome.kind is RefusedKind.REJECTED
    assert ("ussouth.example" in outcome.error) is ("ussouth" in location)
    assert "comp" not in outcome.error
    assert "CANARY" not in outcome.error


@pytest.mark.parametrize(
    "reply",
    [
        error(500, "InternalError"),
        error(500, "OperationTimedOut"),
        error(400, "OperationTimedOut"),
        error(408, "BadRequest"),
        error(502, "BadGateway"),
        error(504, "GatewayTimeout"),
        error(503, "SomethingElse"),
        Reply(503),
        Reply(500, body=b"oops"),
        Reply(502, body=HTML),
        Reply(400, body=HTML),
        Reply(404),
        Reply(302, (("location", "https://elsewhere.example"),)),
        Reply(202, body=HTML),
        Reply(409, body=b"<Error><Code>ConflictError", oversize=True),
    ],
    ids=repr,
)
def test_whatever_does_not_prove_otherwise_is_lost(reply: Reply) -> None:
    outcome = submitted(reply)
    assert isinstance(outcome, Lost)
    assert "CANARY" not in outcome.detail


@pytest.mark.parametrize("status", [200, 503])
def test_x23_an_html_page_is_lost_and_at_most_200_redacted_characters_of_it_are_quoted(status: int) -> None:
    outcome = submitted(Reply(status, body=HTML * 50))
    assert isinstance(outcome, Lost)
    assert len(outcome.detail) <= 220
    assert "CANARY" not in outcome.detail
    seen = observed(Reply(status, body=HTML * 50)).observation
    assert isinstance(seen, Unreachable)
    assert "CANARY" not in seen.detail


def test_what_broke_before_the_first_byte_is_not_sent_and_after_it_lost() -> None:
    for kind in Break:
        assert submitted(Broken(kind, sent=False, detail="d")) == Refused(RefusedKind.NOT_SENT, "d")
        assert submitted(Broken(kind, sent=True, detail="d")) == Lost("d")
        assert observed(Broken(kind, sent=True, detail="d")).observation == Unreachable("d")
        assert polled(Broken(kind, sent=True, detail="d"), HANDLE).progress == Unreachable("d")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5.0),
        ("1.5", 1.5),
        ("-1", 0.0),
        ("1000000000", 300.0),
        ("1e9", 300.0),
        ("1e999", 300.0),
        ("9" * 5_000, None),
        ("Fri, 19 Feb 2016 01:34:55 GMT", 60.0),
        ("Fri, 19 Feb 2010 01:33:55 GMT", 0.0),
        ("soon", None),
        ("nan", None),
        ("", None),
        ("Fri, 99 Feb 2016 01:33:55 GMT", None),
    ],
)
def test_r8_retry_after_is_clamped_and_junk_ignored(value: str, seconds: float | None) -> None:
    date = ("date", "Fri, 19 Feb 2016 01:33:55 GMT")
    assert retry_after_s(Reply(503, (("retry-after", value), date))) == seconds


def test_r8_a_date_without_the_replys_own_date_and_two_values_are_junk() -> None:
    date = ("retry-after", "Fri, 19 Feb 2016 01:33:55 GMT")
    assert retry_after_s(Reply(503, (date,))) is None
    assert retry_after_s(Reply(503, (("retry-after", "1"), ("retry-after", "2")))) is None


def test_a_deployment_is_a_snapshot_and_only_the_apis_own_404_proves_absence(kit: Any) -> None:
    assert isinstance(observed(golden(kit, 200, "deployment.running")).observation, Snapshot)
    absent = observed(golden(kit, 404, "error.empty-slot")).observation
    assert absent == Absent("HTTP 404 ResourceNotFound: No deployments were found.")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404, body=HTML),
        Reply(404),
        error(404, "BadRequest"),
        error(200, "ResourceNotFound"),
        error(403, "AuthenticationFailed"),
        error(500, "InternalError"),
        Reply(200),
        Reply(200, body=b"<Deployment>"),
        Reply(307, (("location", "https://x.example/"),)),
    ],
    ids=repr,
)
def test_any_other_answer_about_a_deployment_is_no_evidence(reply: Reply) -> None:
    seen = observed(reply).observation
    assert isinstance(seen, Unreachable)
    assert not seen.throttled


def test_a_deployment_cut_at_the_cap_or_under_a_strange_status_is_no_evidence(kit: Any) -> None:
    body = (kit.golden / "deployment.running.response.xml").read_bytes()
    for reply in (Reply(200, body=body, oversize=True), Reply(500, body=body)):
        assert isinstance(observed(reply).observation, Unreachable)


def test_a_throttled_question_says_so_with_its_retry_after() -> None:
    reply = error(503, "TooManyRequests", "", ("retry-after", "9"))
    for answer in (observed(reply).observation, polled(reply, HANDLE).progress):
        assert isinstance(answer, Unreachable)
        assert (answer.throttled, answer.retry_after_s) == (True, 9.0)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("operation.in-progress", Running), ("operation.succeeded", Succeeded), ("operation.failed", Failed)],
)
def test_an_operation_tells_its_progress(kit: Any, name: str, kind: type) -> None:
    assert isinstance(polled(golden(kit, 200, name), HANDLE).progress, kind)


def test_the_dashed_and_the_plain_id_are_one(kit: Any) -> None:
    dashed = Handle("sub", "0F8FAD5B-D9CB-469F-A165-70867728950E")
    assert polled(golden(kit, 200, "operation.succeeded"), dashed).progress == Succeeded()


@pytest.mark.parametrize("name", ["operation.succeeded", "operation.failed"])
def test_x28_a_status_under_another_operation_id_is_no_evidence(kit: Any, name: str) -> None:
    other = Handle("sub", "f" * 32)
    assert isinstance(polled(golden(kit, 200, name), other).progress, Unreachable)


@pytest.mark.parametrize(("status", "code"), [(404, "ResourceNotFound"), (400, "BadRequest")])
def test_an_id_the_api_does_not_know_is_unknown_and_no_failure(status: int, code: str) -> None:
    assert isinstance(polled(error(status, code), HANDLE).progress, Unknown)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404, body=HTML),
        error(400, "MissingOrIncorrectVersionHeader"),
        error(403, "AuthenticationFailed"),
        error(500, "InternalError"),
        Reply(200, body=b"<Deployment/>"),
        Reply(200, body=b"", oversize=True),
        Reply(307),
    ],
    ids=repr,
)
def test_any_other_answer_about_an_operation_is_no_evidence(reply: Reply) -> None:
    assert isinstance(polled(reply, HANDLE).progress, Unreachable)


def test_an_operation_under_another_status_than_200_is_no_evidence(kit: Any) -> None:
    assert isinstance(polled(golden(kit, 400, "operation.failed"), HANDLE).progress, Unreachable)


HEADERS = st.lists(
    st.tuples(st.sampled_from(["x-ms-request-id", "retry-after", "location", "date"]), st.text(max_size=40)), max_size=3
)
BODIES = st.one_of(
    st.binary(max_size=80),
    st.sampled_from([HTML, b"<Error><Code>ServerBusy</Code></Error>", b"<Error/>", b"<Operation/>", b"<Deployment/>"]),
)


@settings(max_examples=300, deadline=None)
@given(st.integers(100, 999), HEADERS, BODIES, st.booleans())
def test_any_reply_whatever_becomes_a_value(
    status: int, headers: list[tuple[str, str]], body: bytes, oversize: bool
) -> None:
    reply = Reply(status, tuple(headers), body, oversize)
    assert isinstance(submitted(reply), Accepted | Refused | Lost)
    assert isinstance(observed(reply).observation, Snapshot | Absent | Unreachable)
    assert isinstance(polled(reply, HANDLE).progress, Running | Succeeded | Failed | Unknown | Unreachable)


CODES = {
    "MissingOrIncorrectVersionHeader": (400, "rejected"),
    "InvalidXmlRequest": (400, "rejected"),
    "MissingOrInvalidRequiredQueryParameter": (400, "rejected"),
    "InvalidHttpVerb": (400, "rejected"),
    "BadRequest": (400, "rejected"),
    "InvalidRequest": (400, "rejected"),
    "InvalidContentType": (400, "rejected"),
    "AuthenticationFailed": (403, "rejected"),
    "SubscriptionDisabled": (403, "rejected"),
    "ForbiddenError": (403, "rejected"),
    "ResourceNotFound": (404, "rejected"),
    "ConflictError": (409, "rejected"),
    "PreconditionError": (412, "rejected"),
    "ConfigurationError": (400, "rejected"),
    "InternalError": (500, "lost"),
    "OperationTimedOut": (500, "lost"),
    "ServerBusy": (503, "throttled"),
    "TooManyRequests": (503, "throttled"),
    "TemporaryRedirect": (307, "rejected"),
}
"""Every code the API is known to answer, its status, and what it proves about a mutating call."""


@pytest.mark.parametrize("code", CODES)
def test_every_known_code_has_its_outcome(code: str) -> None:
    status, kind = CODES[code]
    outcome = submitted(error(status, code, "because", ("location", "https://elsewhere.example/")))
    if kind == "lost":
        assert isinstance(outcome, Lost)
    else:
        assert isinstance(outcome, Refused)
        assert outcome.kind == kind


def test_every_code_of_the_vocabulary_is_among_them() -> None:
    assert {code.value for code in ErrorCode} <= set(CODES)


@pytest.mark.parametrize(
    ("message", "blocking"),
    [
        (f"operation with x-ms-requestid {ID} on this deployment that requires exclusive access.", ID),
        (f"x-ms-request-id: {ID[:8]}-{ID[8:12]}-{ID[12:16]}-{ID[16:20]}-{ID[20:]} requires exclusive access", ID),
        (f"X-MS-RequestId {ID.upper()} requires exclusive access", ID),
        (f"{'x' * 300} requires exclusive access, x-ms-requestid {ID}", None),
        ("x-ms-requestid none requires exclusive access", None),
        (f"x-ms-requestid {ID}{ID} requires exclusive access", None),
        ("an operation on this deployment that requires exclusive access.", None),
    ],
)
def test_a_lock_is_mined_for_the_operation_that_holds_it(message: str, blocking: str | None) -> None:
    outcome = submitted(error(409, "ConflictError", message))
    assert isinstance(outcome, Refused)
    assert outcome.blocking == blocking


def test_a_refused_token_that_has_been_renewed_is_known_not_applied_and_may_be_sent_as_a_new_intent() -> None:
    refused = Reply(401, (), b"<Error><Code>AuthenticationFailed</Code></Error>", renewed=True)
    outcome = submitted(refused)
    assert isinstance(outcome, Refused)
    assert outcome.kind is RefusedKind.NOT_SENT

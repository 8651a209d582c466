"""List Subscription Operations is read: whoever called, however the status is written, in whichever namespace."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.core.outcome import Failed, Running, Succeeded
from rollout.platforms.classic.decode import ApiError
from rollout.platforms.classic.decode_listing import (
    Caller,
    ListedOperation,
    OperationsRead,
    Parameter,
    RunningRead,
    decode_operations,
    decode_running,
)
from rollout.platforms.classic.fields import UnknownWord
from rollout.platforms.classic.xml import Unreadable

NS = 'xmlns="http://schemas.microsoft.com/windowsazure" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'
ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def listed(inner: str, more: str = "") -> OperationsRead:
    operation = f"<SubscriptionOperation>{inner}</SubscriptionOperation>"
    read = decode_operations(
        f"<SubscriptionOperationCollection {NS}><SubscriptionOperations>{operation}</SubscriptionOperations>{more}"
        "</SubscriptionOperationCollection>".encode()
    )
    assert isinstance(read, OperationsRead)
    return read


def one(inner: str) -> ListedOperation:
    (operation,) = listed(f"<OperationId>{ID}</OperationId>{inner}").operations
    return operation


def golden(kit: Any, name: str) -> OperationsRead:
    read = decode_operations((kit.golden / f"{name}.response.xml").read_bytes())
    assert isinstance(read, OperationsRead)
    return read


def test_our_own_operation_of_the_golden_listing_is_read(kit: Any) -> None:
    read = golden(kit, "operations")
    assert (read.continuation, read.unknown) == (None, ())
    (operation,) = read.operations
    assert (operation.id, operation.name) == (kit.request_id, "UpgradeDeploymentBySlot")
    assert (
        operation.object_path == f"/{kit.subscription}/services/hostedservices/svc-0001/deployments/svc-0001-production"
    )
    assert operation.caller == Caller(thumbprint="0" * 39 + "1", address="127.0.0.1", by_api=True)
    assert operation.progress == Running()
    assert (operation.started, operation.completed) == (datetime(2016, 2, 19, 1, 33, 3, tzinfo=UTC), None)


def test_parameters_are_read_from_their_other_namespace_and_no_text_shows_them(kit: Any) -> None:
    (operation,) = golden(kit, "operations").operations
    values = {each.name: each.value for each in operation.parameters}
    assert values["deploymentSlot"] == "production"
    assert values["input"].startswith("<UpgradeDeployment ")
    assert "sig=x" in values["input"]
    assert "sig=x" not in repr(operation)
    assert repr(Parameter("input", "secret")) == "Parameter(name='input', value='…')"


def test_a_strangers_operation_of_the_golden_page_is_read_with_the_mark_of_the_next(kit: Any) -> None:
    read = golden(kit, "operations.page")
    (operation,) = read.operations
    assert read.continuation == operation.id == kit.first_id("operations.page")
    assert operation.caller == Caller(email="stranger@portal.example", address="203.0.113.250", by_api=False)
    assert operation.progress == Succeeded()
    assert golden(kit, "operations.empty") == OperationsRead((), None)


@pytest.mark.parametrize(
    ("status", "progress"),
    [
        (f"<ID>{ID}</ID><Status>InProgress</Status>", Running()),
        ("InProgress", Running()),
        (f"<ID>{ID}</ID><Status>Succeeded</Status><HttpStatusCode>200</HttpStatusCode>", Succeeded()),
        (" Succeeded\n", Succeeded()),
        ("succeeded", Succeeded()),
        (
            "<Status>Failed</Status><Error><Code>InternalError</Code><Message>m</Message></Error>",
            Failed("InternalError", "m"),
        ),
        (
            "<Status>Failed</Status><HttpStatusCode>409</HttpStatusCode>",
            Failed("Failed", "no Error given, HttpStatusCode 409"),
        ),
        ("Failed", Failed("Failed", "no Error given")),
    ],
)
def test_a_status_is_an_operation_of_its_own_or_a_bare_word(status: str, progress: object) -> None:
    assert one(f"<OperationStatus>{status}</OperationStatus>").progress == progress


def test_a_word_nobody_knows_and_no_status_at_all_are_still_running() -> None:
    read = listed(f"<OperationId>{ID}</OperationId><OperationStatus>Pondering</OperationStatus>")
    assert read.operations[0].progress == Running()
    assert read.unknown == (UnknownWord("Operation/Status", "Pondering"),)
    assert one("").progress == Running()


def test_only_the_id_is_needed_and_a_strange_one_is_kept() -> None:
    bare = one("")
    assert (bare.caller, bare.parameters, bare.started, bare.object_path) == (Caller(), (), None, "")
    assert listed("<OperationId>strange</OperationId>").operations[0].id == "strange"
    with pytest.raises(Unreadable, match="no OperationId"):
        listed("<OperationName>x</OperationName>")


@pytest.mark.parametrize(
    ("caller", "words"),
    [
        (Caller(email="ann@x.example", thumbprint="AB", address="203.0.113.9"), "ann@x.example at 203.0.113.9"),
        (Caller(thumbprint="AB12"), "the certificate AB12"),
        (Caller(), "somebody unnamed"),
        (Caller(email="a\nb"), "a b"),
    ],
)
def test_a_caller_is_named_by_what_is_known_of_them(caller: Caller, words: str) -> None:
    assert str(caller) == words


def test_an_empty_mark_is_no_mark_and_an_error_is_an_error(kit: Any) -> None:
    assert listed(f"<OperationId>{ID}</OperationId>", "<ContinuationToken/>").continuation is None
    assert isinstance(decode_operations(kit.error_body("BadRequest", "no")), ApiError)


ENTRIES = st.builds(
    "<SubscriptionOperation>{}{}{}</SubscriptionOperation>".format,
    st.sampled_from([f"<OperationId>{ID}</OperationId>", f"<OperationId> {ID.replace('-', '').upper()}</OperationId>"])
    | st.integers(0, 9).map(lambda digit: f"<OperationId>{digit}{ID[1:]}</OperationId>")
    | st.sampled_from(["<OperationId>no id</OperationId>", f"<OperationId><!-- -->{ID}</OperationId>"]),
    st.sampled_from(
        [
            f"<OperationStatus><ID>{ID}</ID><Status>{word}</Status></OperationStatus>"
            for word in ("Succeeded", "inprogress")
        ]
        + [f"<OperationStatus><ID>{ID}</ID><Status>InProgress</Status></OperationStatus>"] * 4
        + ["", "<OperationStatus>InProgress</OperationStatus>", '<OperationStatus i:nil="true"/>']
    ),
    st.sampled_from([""] * 4 + ["<OperationStatus><Status>InProgress</Status></OperationStatus>", "<Other/>"]),
)


@given(entries=st.lists(ENTRIES, max_size=5), more=st.sampled_from(["", "<Other/>", "<SubscriptionOperations/>"]))
def test_what_runs_is_read_alike_with_and_without_the_rest(entries: list[str], more: str) -> None:
    body = (
        f"<SubscriptionOperationCollection {NS}>"
        f"<SubscriptionOperations>{''.join(entries)}</SubscriptionOperations>{more}"
        "<ContinuationToken>next</ContinuationToken></SubscriptionOperationCollection>"
    ).encode()
    whole, running = decode_operations(body), decode_running(body)
    assert isinstance(whole, OperationsRead)
    assert isinstance(running, RunningRead)
    ours = {each.id for each in whole.operations if isinstance(each.progress, Running)}
    assert running.ids == {each for each in ours if each.isalnum()}
    assert (running.continuation, running.unknown) == (whole.continuation, whole.unknown)

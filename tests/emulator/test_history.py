"""List Subscription Operations: windows, filters, pages, lag, and who called."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rollout.emulator import fabric_history, read_query, strangers
from rollout.emulator.fabric_history import Wanted
from rollout.emulator.fleet import SUBSCRIPTION
from rollout.emulator.refusals import Refusal
from rollout.platforms.classic.vocabulary import OperationStatus

HOUR = timedelta(hours=1)
SERVICE = f"/{SUBSCRIPTION}/services/hostedservices/svc-0001"


def wanted(stage: Any, **more: Any) -> Wanted:
    start = stage.fabric.date(0.0)
    return Wanted(**{"start": start - HOUR, "end": start + 100 * HOUR, **more})


def shown(stage: Any, **more: Any) -> list[tuple[str, str]]:
    page = fabric_history.listed(stage.fabric, wanted(stage, **more), SUBSCRIPTION)
    return [(each.operation.id, each.status.value) for each in page.shown]


def refused(act: Any) -> int:
    with pytest.raises(Refusal) as caught:
        act()
    return caught.value.status


def test_operations_are_listed_oldest_first_with_how_they_stand(stage: Any) -> None:
    begin = stage.upgrade()
    stage.wait(40)
    walk = stage.walk(0)
    assert shown(stage) == [(begin.id, "Succeeded"), (walk.id, "InProgress")]


@pytest.mark.parametrize(("status", "place"), [("Succeeded", 0), ("InProgress", 1)])
def test_a_result_filter_shows_only_such_operations(stage: Any, status: str, place: int) -> None:
    ids = [stage.upgrade().id]
    stage.wait(40)
    ids.append(stage.walk(0).id)
    assert shown(stage, status=OperationStatus(status)) == [(ids[place], status)]
    assert shown(stage, status=OperationStatus.FAILED) == []


@pytest.mark.parametrize(
    ("object_id", "count"),
    [
        (f"{SERVICE}/deployments/svc-0001-production", 1),
        (f"{SERVICE}/deploymentslots/production/", 1),
        (f"{SERVICE}/DeploymentSlots/Production", 1),
        (SERVICE, 0),
        (f"{SERVICE}/deployments/other", 0),
    ],
)
def test_an_object_filter_takes_any_path_of_the_object(stage: Any, object_id: str, count: int) -> None:
    stage.upgrade()
    assert len(shown(stage, object_id=object_id)) == count


def test_a_window_shows_what_started_inside_it(stage: Any) -> None:
    stage.wait(10).upgrade()
    start = stage.fabric.date(0.0)
    assert shown(stage, start=start + timedelta(seconds=9.5), end=start + timedelta(seconds=10)) != []
    assert shown(stage, start=start + timedelta(seconds=10.5)) == []
    assert shown(stage, end=start + timedelta(seconds=9)) == []


def pages(stage: Any) -> Iterator[list[str]]:
    token = None
    while True:
        page = fabric_history.listed(stage.fabric, wanted(stage, token=token), SUBSCRIPTION)
        yield [each.operation.id for each in page.shown]
        token = page.token
        if token is None:
            return


def test_pages_show_everything_once_and_the_last_has_no_token(make_stage: Any) -> None:
    stage = make_stage(list_ops_page_size=2, walk_done_domain="accept").begun().walked(0)
    ids = [stage.walk(0).id for _ in range(3)]
    found = list(pages(stage))
    assert [len(page) for page in found] == [2, 2, 1]
    assert [each for page in found for each in page][2:] == ids


def test_a_full_last_page_has_no_token(make_stage: Any) -> None:
    stage = make_stage(list_ops_page_size=1)
    stage.upgrade()
    assert [len(page) for page in pages(stage)] == [1]


def test_begins_and_ends_show_late_by_the_lag(make_stage: Any) -> None:
    stage = make_stage(list_ops_lag_s=20, accept_delay_s=30)
    stage.upgrade()
    seen = []
    for seconds in (0, 19, 1, 10, 19, 1):
        stage.wait(seconds)
        seen.append([status for _, status in shown(stage)])
    assert seen == [[], [], ["InProgress"], ["InProgress"], ["InProgress"], ["Succeeded"]]


def test_senseless_windows_and_unknown_tokens_are_refused(stage: Any) -> None:
    start = stage.fabric.date(0.0)
    assert refused(lambda: shown(stage, start=start - timedelta(days=91))) == 400
    assert refused(lambda: shown(stage, end=start - 2 * HOUR)) == 400
    assert refused(lambda: shown(stage, token="0" * 32)) == 400


def test_a_strangers_operation_names_the_stranger(stage: Any) -> None:
    stage.upgrade()
    stage.wait(40)
    strangers.expect(stage.fabric, strangers.read_strangers([{"service": "svc-0001", "effect": "walk"}]))
    page = fabric_history.listed(stage.fabric, wanted(stage), SUBSCRIPTION)
    assert [each.operation.caller.used_management_api for each in page.shown] == [True, False]


# The query


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2016-02-19", datetime(2016, 2, 19, tzinfo=UTC)),
        ("2016-02-19T01:02:03Z", datetime(2016, 2, 19, 1, 2, 3, tzinfo=UTC)),
        ("2016-02-19T01:02:03", datetime(2016, 2, 19, 1, 2, 3, tzinfo=UTC)),
        ("2016-02-19T01:02:03.4567891Z", datetime(2016, 2, 19, 1, 2, 3, 456789, tzinfo=UTC)),
        ("2016-02-19T01:02:03.5Z", datetime(2016, 2, 19, 1, 2, 3, 500000, tzinfo=UTC)),
    ],
)
def test_a_moment_has_three_spellings(text: str, moment: datetime) -> None:
    assert read_query.moment({"starttime": text}, "StartTime") == moment


@pytest.mark.parametrize("text", ["", "today", "2016-13-01", "2016-02-19T25:00:00Z", "2016-02-19 01:02:03", "2016-2-9"])
def test_anything_else_is_no_moment(text: str) -> None:
    assert refused(lambda: read_query.moment({"starttime": text}, "StartTime")) == 400


def test_a_listing_needs_its_window_and_knows_its_filters() -> None:
    window = {"starttime": "2016-02-19", "endtime": "2016-02-20"}
    assert read_query.operations({**window, "operationresultfilter": "inprogress"}).status == "InProgress"
    assert refused(lambda: read_query.operations({"starttime": "2016-02-19"})) == 400
    assert refused(lambda: read_query.operations({**window, "operationresultfilter": "Lost"})) == 400

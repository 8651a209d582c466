"""What was sent and answered is shown as it was, but for everything that may be secret."""

import base64
import hashlib
from typing import Any

import pytest

from rollout.core.names import StreamName
from rollout.core.witnessed import PATH_CHARS_MAX, TEXT_CHARS_MAX
from rollout.platforms.classic.exchange import Break, Broken, Reply
from rollout.platforms.classic.properties import ExtendedProperty
from rollout.platforms.classic.request import Call, Request
from rollout.platforms.classic.requests.create import CreateDeployment
from rollout.platforms.classic.requests.package import GetPackage
from rollout.platforms.classic.requests.rollback import RollbackUpdateOrUpgrade
from rollout.platforms.classic.requests.status import UpdateDeploymentStatus
from rollout.platforms.classic.requests.swap import SwapDeployment
from rollout.platforms.classic.requests.upgrade import UpgradeDeployment
from rollout.platforms.classic.requests.walk import WalkUpgradeDomain
from rollout.platforms.classic.shown import Called, answer_shown, path_shown, request_shown, witnessed
from rollout.platforms.classic.vocabulary import CLIENT_VERSION, Mode

SECRET = "Hush-4711-hush"  # noqa: S105 - a canary
URL = f"https://acct.blob.example/c/app.cspkg?sv=1&sig={SECRET}"
CONFIGURATION = f'<ServiceConfiguration><Setting name="Key" value="{SECRET}"/></ServiceConfiguration>'.encode()
ID = "0f8fad5bd9cb469fa16570867728950e"


def upgrade(kit: Any) -> UpgradeDeployment:
    return UpgradeDeployment(
        target=kit.target(),
        mode=Mode.MANUAL,
        package_url=URL,
        configuration=CONFIGURATION,
        label="web-2 & more [ro:0123456789ab]",
        properties=(ExtendedProperty("Owner", SECRET),),
    )


def test_an_upgrade_is_outlined_and_nothing_in_it_can_be_secret(kit: Any) -> None:
    shown = request_shown(upgrade(kit).request(CLIENT_VERSION), CLIENT_VERSION)
    digest = hashlib.sha256(CONFIGURATION).hexdigest()
    assert shown.text.splitlines() == [
        f"x-ms-version: {CLIENT_VERSION}",
        "Content-Type: application/xml",
        "",
        "<UpgradeDeployment>",
        "  <Mode>Manual</Mode>",
        "  <PackageUrl>https://acct.blob.example/c/app.cspkg?…</PackageUrl>",
        f"  <Configuration>… {len(CONFIGURATION)} bytes, sha256 {digest}</Configuration>",
        "  <Label>web-2 &amp; more [ro:0123456789ab]</Label>",
        "  <Force>false</Force>",
        "  <ExtendedProperties>",
        "    <ExtendedProperty>",
        "      <Name>Owner</Name>",
        "      <Value>…</Value>",
        "    </ExtendedProperty>",
        "  </ExtendedProperties>",
        "</UpgradeDeployment>",
    ]
    assert not shown.cut


def test_every_call_that_the_engine_makes_is_outlined_whole(kit: Any) -> None:
    calls: list[tuple[Call, str]] = [
        (WalkUpgradeDomain(target=kit.target(), domain=3), "<UpgradeDomain>3</UpgradeDomain>"),
        (RollbackUpdateOrUpgrade(target=kit.target(), mode=Mode.AUTO), "<Mode>Auto</Mode>"),
        (UpdateDeploymentStatus(target=kit.target(), running=False), "<Status>Suspended</Status>"),
        (
            SwapDeployment(subscription=kit.subscription, service="svc", source="dep-2", production="dep-1"),
            "<Production>dep-1</Production>",
        ),
        (
            CreateDeployment(target=kit.target(), package_url=URL, configuration=CONFIGURATION, label="l", start=True),
            "<StartDeployment>true</StartDeployment>",
        ),
    ]
    for call, line in calls:
        text = request_shown(call.request(CLIENT_VERSION), CLIENT_VERSION).text
        assert line in text
        assert SECRET not in text


@pytest.mark.parametrize(
    "body",
    [
        f"<Extension><PrivateConfiguration>{SECRET}</PrivateConfiguration></Extension>",
        f'<UpgradeDeployment xmlns="urn:other"><Mode>{SECRET}</Mode></UpgradeDeployment>',
        f'<UpgradeDeployment xmlns="http://schemas.microsoft.com/windowsazure"><New>{SECRET}</New></UpgradeDeployment>',
        f"<UpgradeDeployment><Mode>{SECRET}",
    ],
)
def test_what_nobody_has_allowed_is_not_shown(body: str) -> None:
    shown = request_shown(Request("POST", "/x", body.encode()), CLIENT_VERSION)
    assert SECRET not in shown.text
    assert SECRET not in answer_shown(Reply(500, (), body.encode())).text


def test_a_query_loses_the_values_that_may_carry_a_signature(kit: Any) -> None:
    request = GetPackage(target=kit.target(), container_url=URL, overwrite=True).request(CLIENT_VERSION)
    shown = path_shown(request.path).text
    assert shown.endswith("/deployments/dep-1/package?containerUri=…&overwriteExisting=true")
    assert path_shown("/s/deployments/d/?comp=upgrade").text == "/s/deployments/d/?comp=upgrade"
    assert len(path_shown("/" + "x" * 5_000).text) == PATH_CHARS_MAX
    assert path_shown("/" + "x" * 5_000).cut


def test_an_error_is_shown_with_the_headers_that_matter_and_without_what_it_repeats() -> None:
    message = f"Bad: you sent Bearer {SECRET}{SECRET} and {URL}"
    body = f'<Error xmlns="http://schemas.microsoft.com/windowsazure"><Code>BadRequest</Code><Message>{message}</Message></Error>'
    headers = (("x-ms-request-id", ID), ("set-cookie", SECRET), ("retry-after", "7"))
    shown = answer_shown(Reply(400, headers, body.replace("&", "&amp;").encode()))
    assert shown.text.splitlines() == [
        f"x-ms-request-id: {ID}",
        "retry-after: 7",
        "",
        "<Error>",
        "  <Code>BadRequest</Code>",
        "  <Message>Bad: you sent Bearer … and https://acct.blob.example/c/app.cspkg?…</Message>",
        "</Error>",
    ]


def test_a_page_of_somebody_in_between_is_quoted_short() -> None:
    shown = answer_shown(Reply(502, (), b"<html><body>" + b"gateway " * 500))
    assert "<html><body>gateway" in shown.text
    assert "(4012 bytes)" in shown.text
    assert len(shown.text) < 300


def test_a_call_without_an_answer_says_what_happened_instead(kit: Any) -> None:
    request = upgrade(kit).request(CLIENT_VERSION)
    call = Called(StreamName("web/a#1"), 3, "upgrade", 5.0)
    lost = witnessed(call, request, Broken(Break.CUT, sent=True, detail="the answer was cut off"), CLIENT_VERSION)
    assert (lost.sent, lost.status, lost.answer, lost.request_id) == (True, None, "the answer was cut off", "")
    declined = witnessed(call, request, Broken(Break.DECLINED, sent=False, detail="not wanted"), CLIENT_VERSION)
    assert not declined.sent


def test_the_platform_s_id_is_kept_in_one_spelling(kit: Any) -> None:
    call = Called(StreamName("web/a#1"), 3, "upgrade", 5.0)
    dashed = "0f8fad5b-d9cb-469f-a165-70867728950e"
    for spelt in (ID, dashed, ID.upper()):
        reply = Reply(202, (("x-ms-request-id", spelt),))
        assert witnessed(call, upgrade(kit).request(CLIENT_VERSION), reply, CLIENT_VERSION).request_id == ID
    junk = Reply(202, (("x-ms-request-id", SECRET),))
    assert witnessed(call, upgrade(kit).request(CLIENT_VERSION), junk, CLIENT_VERSION).request_id == ""


def test_what_is_too_long_is_cut_and_said_to_be(kit: Any) -> None:
    call = upgrade(kit)
    many = tuple(ExtendedProperty(f"Name{number}".ljust(60, "x"), "v") for number in range(25))
    shown = request_shown(
        UpgradeDeployment(
            target=call.target, mode=call.mode, package_url=URL, configuration=b"<x/>", label="l", properties=many
        ).request(CLIENT_VERSION),
        CLIENT_VERSION,
    )
    assert shown.cut
    assert len(shown.text) == TEXT_CHARS_MAX
    assert answer_shown(Reply(200, (), b"x", oversize=True)).cut


def test_a_label_that_is_no_base64_is_left_out() -> None:
    body = '<UpgradeDeployment xmlns="http://schemas.microsoft.com/windowsazure"><Label>{}</Label></UpgradeDeployment>'
    assert "<Label>…</Label>" in request_shown(Request("POST", "/x", body.format("?").encode()), CLIENT_VERSION).text
    good = base64.b64encode(b"web-2").decode()
    assert "<Label>web-2</Label>" in request_shown(Request("POST", "/x", body.format(good).encode()), "2015-09-01").text

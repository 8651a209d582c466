"""Reading requests that are well-formed: order, versions, values, and what the knobs let pass."""

from base64 import b64encode
from typing import Any

import pytest

from rollout.emulator import read
from rollout.emulator.fabric_state import Extension
from rollout.emulator.fleet import configuration
from rollout.emulator.knobs import Knobs
from rollout.emulator.read_elements import Reader
from rollout.emulator.refusals import Refusal
from rollout.platforms.classic.vocabulary import ErrorCode, Mode

NS = 'xmlns="http://schemas.microsoft.com/windowsazure"'
CONFIGURATION = b64encode(configuration("svc-0001", "r", 2)).decode()
FIELDS = {
    "Mode": "Manual",
    "PackageUrl": "https://a.example/p.cspkg?a=1&amp;b=2",
    "Configuration": CONFIGURATION,
    "Label": "d2Vi",
    "Force": "false",
}


def reader(version: str = "2015-09-01", **knobs: Any) -> Reader:
    return Reader(Knobs(**knobs), version)


def body(fields: dict[str, str], root: str = "UpgradeDeployment", between: str = "") -> bytes:
    inside = between.join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return (
        f"<{root} {NS} xmlns:i='http://www.w3.org/2001/XMLSchema-instance'>{between}{inside}{between}</{root}>".encode()
    )


def refuse(document: bytes, code: ErrorCode, how: Reader | None = None) -> str:
    with pytest.raises(Refusal) as caught:
        read.upgrade(document, how or reader())
    assert (caught.value.status, caught.value.code) == (400, code)
    return caught.value.message


def test_indentation_and_line_ends_between_elements_are_normal() -> None:
    assert read.upgrade(body(FIELDS, between="\r\n    "), reader()).mode is Mode.MANUAL


def test_text_between_elements_is_refused() -> None:
    assert "no text" in refuse(body(FIELDS, between="x"), ErrorCode.INVALID_XML_REQUEST)


def test_an_unescaped_ampersand_is_refused_and_an_escaped_one_is_the_address() -> None:
    raw = FIELDS | {"PackageUrl": "https://a.example/p?a=1&b=2"}
    refuse(body(raw), ErrorCode.INVALID_XML_REQUEST)
    assert read.upgrade(body(FIELDS), reader()).release.package_url == "https://a.example/p.cspkg?a=1&b=2"


@pytest.mark.parametrize("missing", list(FIELDS))
def test_each_required_element_must_be_there(missing: str) -> None:
    fields = {name: value for name, value in FIELDS.items() if name != missing}
    assert f"lacks {missing}" in refuse(body(fields), ErrorCode.INVALID_XML_REQUEST)


def test_a_nil_element_is_not_there() -> None:
    document = body(FIELDS).replace(b"<Label>d2Vi</Label>", b'<Label i:nil="true"/>')
    assert "lacks Label" in refuse(document, ErrorCode.INVALID_XML_REQUEST)


def test_an_element_out_of_order_is_refused_or_dropped_as_the_knob_says() -> None:
    swapped = {name: FIELDS[name] for name in ("Mode", "PackageUrl", "Label", "Configuration", "Force")}
    assert "in order: Mode, PackageUrl, Configuration" in refuse(body(swapped), ErrorCode.INVALID_XML_REQUEST)
    dropping = reader(xml_order="drop")
    assert "lacks Configuration" in refuse(body(swapped), ErrorCode.INVALID_XML_REQUEST, dropping)
    late = FIELDS | {"RoleToUpgrade": "WebRole1", "Unknown": "x"}
    assert read.upgrade(body(late), dropping).role is None


def test_an_unknown_or_repeated_element_is_refused() -> None:
    refuse(body(FIELDS | {"Unknown": "x"}), ErrorCode.INVALID_XML_REQUEST)
    twice = body(FIELDS).replace(b"<Mode>Manual</Mode>", b"<Mode>Manual</Mode><Mode>Auto</Mode>")
    refuse(twice, ErrorCode.INVALID_XML_REQUEST)


def test_an_element_where_text_belongs_is_refused() -> None:
    assert "text only" in refuse(body(FIELDS | {"Mode": "<b/>Manual"}), ErrorCode.INVALID_XML_REQUEST)


@pytest.mark.parametrize("mode", ["manual", "MANUAL", " Manual\n"])
def test_a_mode_matches_in_any_case(mode: str) -> None:
    assert read.upgrade(body(FIELDS | {"Mode": mode}), reader()).mode is Mode.MANUAL


def test_a_mode_matches_exactly_where_the_knob_says() -> None:
    refuse(body(FIELDS | {"Mode": "manual"}), ErrorCode.INVALID_XML_REQUEST, reader(enum_case="exact"))
    assert read.upgrade(body(FIELDS), reader(enum_case="exact")).mode is Mode.MANUAL


@pytest.mark.parametrize(("field", "value"), [("Mode", "Hand"), ("Force", "True"), ("Force", "1"), ("Force", "")])
def test_an_unknown_word_is_refused(field: str, value: str) -> None:
    refuse(body(FIELDS | {field: value}), ErrorCode.INVALID_XML_REQUEST)


@pytest.mark.parametrize(
    "url", ["p.cspkg", "ftp://a.example/p", "https://", "https://[a", "https://a.example/" + "p" * 8192]
)
def test_a_package_address_must_be_one(url: str) -> None:
    assert "PackageUrl" in refuse(body(FIELDS | {"PackageUrl": url}), ErrorCode.BAD_REQUEST)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"no xml", "cannot be read"),
        (b"<!DOCTYPE a><a/>", "cannot be read"),
        (b"<ServiceConfiguration/>", "no ServiceConfiguration in the namespace"),
        (configuration("s", "r", 2).replace(b"<Role ", b"<R ").replace(b"</Role>", b"</R>"), "names no Role"),
        (configuration("s", "r", 2).replace(b'name="WebRole1"', b""), "without a name"),
        (configuration("s", "r", 0), "count from 1"),
        (configuration("s", "r", 251), "count from 1"),
        (configuration("s", "r", 2).replace(b'count="2"', b'count="two"'), "count from 1"),
        (configuration("s", "r", 2).replace(b'<Instances count="2"/>', b""), "count from 1"),
    ],
)
def test_a_configuration_must_be_one(text: bytes, message: str) -> None:
    assert message in refuse(body(FIELDS | {"Configuration": b64encode(text).decode()}), ErrorCode.BAD_REQUEST)


def test_a_configuration_comes_back_with_other_line_ends() -> None:
    text = configuration("svc-0001", "r", 2)
    given = b64encode(text.replace(b"\n", b"\r\n")).decode()
    assert read.upgrade(body(FIELDS | {"Configuration": given}), reader()).release.configuration == text


def test_elements_are_unknown_before_their_version() -> None:
    refuse(body(FIELDS), ErrorCode.INVALID_XML_REQUEST, reader("2011-08-01"))
    without = {name: value for name, value in FIELDS.items() if name != "Force"}
    assert read.upgrade(body(without), reader("2011-08-01")).mode is Mode.MANUAL
    with_properties = body(FIELDS | {"ExtendedProperties": ""})
    refuse(with_properties, ErrorCode.INVALID_XML_REQUEST, reader("2011-10-01"))
    assert read.upgrade(with_properties, reader("2012-03-01")).properties == ()
    simultaneous = body(FIELDS | {"Mode": "Simultaneous"})
    refuse(simultaneous, ErrorCode.BAD_REQUEST, reader("2012-08-01"))
    assert read.upgrade(simultaneous, reader("2012-12-01")).mode is Mode.SIMULTANEOUS


def test_a_warning_flag_and_a_role_are_taken_in_their_places() -> None:
    fields = {**{name: FIELDS[name] for name in list(FIELDS)[:4]}, "RoleToUpgrade": "WebRole1"}
    assert read.upgrade(body({**fields, "TreatWarningsAsError": "false", "Force": "true"}), reader()).role == "WebRole1"


def test_properties_without_a_value_are_to_be_deleted() -> None:
    inside = "<ExtendedProperty><Name>a</Name><Value i:nil='true'/></ExtendedProperty>"
    assert read.upgrade(body(FIELDS | {"ExtendedProperties": inside}), reader()).properties == (("a", None),)


def test_extensions_are_read_for_all_roles_and_for_named_ones() -> None:
    one = "<Extension><Id>x</Id><State>enable</State></Extension>"
    inside = (
        f"<AllRoles>{one}</AllRoles><NamedRoles><Role><RoleName>WebRole1</RoleName><Extensions>"
        "<Extension><Id>y</Id></Extension></Extensions></Role></NamedRoles>"
    )
    release = read.upgrade(body(FIELDS | {"ExtensionConfiguration": inside}), reader()).release
    assert release.extensions == (Extension(None, "x", "enable"), Extension("WebRole1", "y", None))
    empty = body(FIELDS | {"ExtensionConfiguration": "<NamedRoles/>"})
    assert read.upgrade(empty, reader()).release.extensions == ()
    bad = body(FIELDS | {"ExtensionConfiguration": f"<AllRoles>{one}</AllRoles>".replace("enable", "remove")})
    refuse(bad, ErrorCode.BAD_REQUEST)
    stray = body(FIELDS | {"ExtensionConfiguration": "<AllRoles><Id>x</Id></AllRoles>"})
    refuse(stray, ErrorCode.INVALID_XML_REQUEST)
    assert read.upgrade(stray, reader(xml_order="drop")).release.extensions == ()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("-1", ErrorCode.BAD_REQUEST),
        ("1.0", ErrorCode.INVALID_XML_REQUEST),
        ("", ErrorCode.INVALID_XML_REQUEST),
        ("\u0661", ErrorCode.INVALID_XML_REQUEST),
        ("1" * 5000, ErrorCode.INVALID_XML_REQUEST),
    ],
)
def test_a_domain_is_a_whole_number(text: str, code: ErrorCode) -> None:
    with pytest.raises(Refusal) as caught:
        read.walk(body({"UpgradeDomain": text}, "WalkUpgradeDomain"), reader())
    assert caught.value.code == code


def test_a_rollback_needs_no_force_and_knows_no_simultaneous() -> None:
    root = "RollbackUpdateOrUpgrade"
    assert read.rollback(body({"Mode": "auto"}, root), reader()) is Mode.AUTO
    for fields in ({"Mode": "Simultaneous"}, {"Mode": "Auto", "Force": "no"}, {"Force": "true", "Mode": "Auto"}, {}):
        with pytest.raises(Refusal):
            read.rollback(body(fields, root), reader())


def test_a_status_is_running_or_suspended() -> None:
    assert read.status(body({"Status": "running"}, "UpdateDeploymentStatus"), reader()) is True
    for text in ("Deploying", "Off"):
        with pytest.raises(Refusal):
            read.status(body({"Status": text}, "UpdateDeploymentStatus"), reader())

"""Configurations: counts and settings put in and nothing else; equal ones are told apart by meaning, not by bytes."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.core.names import Digest
from rollout.core.prepare import Drawn, Order, Unfeasible
from rollout.platforms.classic.configuration import CannotPatch, Keys, key_of, with_instance_counts, with_settings
from rollout.platforms.classic.draw import draw, payloads_of
from rollout.platforms.classic.vocabulary import CONFIGURATION_NAMESPACE
from rollout.platforms.classic.xml import Unreadable

DEPLOYED, WANTED, CONTAINER = (Digest(letter * 64) for letter in "abc")
PRIVATE_ID = "0f8fad5bd9cb469fa16570867728950e"
ROLE = '<Role name="{}"><Instances count="{}"/><ConfigurationSettings>{}</ConfigurationSettings></Role>'
TWO_ROLES = {"Web": (2, {"Release": "1", "Level": "info"}), "Worker": (3, {"Queue": "a & <b>"})}

Roles = dict[str, tuple[int, dict[str, str]]]


def written(roles: Roles, osfamily: str = "4") -> str:
    inner = "".join(
        ROLE.format(
            role,
            count,
            "".join(f'<Setting name="{name}" value="{escaped(value)}"/>' for name, value in settings.items()),
        )
        for role, (count, settings) in roles.items()
    )
    return (
        f'<ServiceConfiguration serviceName="svc" osFamily="{osfamily}" xmlns="{CONFIGURATION_NAMESPACE}">'
        f"{inner}</ServiceConfiguration>"
    )


def escaped(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


TWO = written(TWO_ROLES).encode()


# --- settings ---


def test_settings_are_put_in_and_nothing_else_is_changed() -> None:
    changed = with_settings(TWO, {"Web/Release": "2", "Worker/Queue": 'x" & <y>'})
    expected = {"Web": (2, {"Release": "2", "Level": "info"}), "Worker": (3, {"Queue": 'x" & <y>'})}
    assert key_of(changed) == key_of(written(expected).encode())


def test_settings_that_agree_give_the_very_same_bytes() -> None:
    assert with_settings(TWO, {"Web/Release": "1"}) is TWO
    assert with_settings(TWO, {}) is TWO


def test_a_slash_in_a_setting_belongs_to_its_name() -> None:
    roles: Roles = {"Web": (1, {"A/B": "old"})}
    changed = with_settings(written(roles).encode(), {"Web/A/B": "new"})
    assert key_of(changed) == key_of(written({"Web": (1, {"A/B": "new"})}).encode())


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("Wev/Release", "the configuration has no role `Wev`; did you mean `Web`?"),
        ("Zzz/Release", "the configuration has no role `Zzz`; it has `Web`, `Worker`"),
        ("Web/Relaese", "role `Web` has no setting `Relaese`; did you mean `Release`?"),
        ("Web/Zzz", "role `Web` has no setting `Zzz`; it has `Release`, `Level`"),
        ("Web/release", "role `Web` has no setting `release`; did you mean `Release`?"),
    ],
)
def test_what_is_not_there_is_said_with_what_is_near(path: str, words: str) -> None:
    with pytest.raises(CannotPatch) as caught:
        with_settings(TWO, {path: "x"})
    assert str(caught.value) == words


def test_everything_that_is_missing_is_said_at_once_and_the_rest_of_a_long_list_is_left_out() -> None:
    roles: Roles = {"Web": (1, {f"Setting{number}": "" for number in range(9)}), "Bare": (1, {})}
    with pytest.raises(CannotPatch) as caught:
        with_settings(written(roles).encode(), {"Web/zzz": "x", "Bare/zzz": "y"})
    first, second = str(caught.value).split("; role ")
    assert first.endswith("it has `Setting0`, `Setting1`, `Setting2`, `Setting3`, `Setting4`, …")
    assert second == "`Bare` has no setting `zzz`; it has none"


def test_a_role_without_any_settings_element_has_none() -> None:
    bare = f'<ServiceConfiguration xmlns="{CONFIGURATION_NAMESPACE}"><Role name="Web"/></ServiceConfiguration>'
    with pytest.raises(CannotPatch, match="role `Web` has no setting `A`; it has none"):
        with_settings(bare.encode(), {"Web/A": "x"})


@pytest.mark.parametrize("value", ["\x00", "a\x1b", "\ud800"])
def test_a_value_xml_cannot_carry_is_said_without_being_shown(value: str) -> None:
    with pytest.raises(CannotPatch) as caught:
        with_settings(TWO, {"Web/Release": value})
    assert str(caught.value) == "the value for `Web/Release` has a character that XML cannot carry"


@pytest.mark.parametrize("document", [b"", b"<html/>", b"<!DOCTYPE a><ServiceConfiguration/>", b"\xff"])
def test_what_is_no_configuration_is_neither_patched_nor_told_apart(document: bytes) -> None:
    with pytest.raises(Unreadable):
        with_settings(document, {})
    with pytest.raises(Unreadable):
        key_of(document)


# --- keys ---

names = st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=8)
values = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=8
).filter(lambda text: text.isprintable())
configurations = st.dictionaries(
    names, st.tuples(st.integers(1, 99), st.dictionaries(names, values, max_size=3)), min_size=1, max_size=3
)


def rewritten(roles: Roles, draw: st.DataObject) -> bytes:
    """Write the same configuration as another program would: other prefixes, blanks, quotes, comments, order."""
    blank = st.sampled_from(["", " ", "\n  ", "\r\n\t", "<!-- said -->", "\n<?tool said?>\n"])

    def gap() -> str:
        return draw.draw(blank)

    def attributes(pairs: dict[str, str]) -> str:
        return " ".join(f'{name}="{escaped(value)}"' for name, value in draw.draw(st.permutations(list(pairs.items()))))

    def setting(name: str, value: str) -> str:
        pair = attributes({"name": name, "value": value})
        return draw.draw(st.sampled_from([f"<c:Setting {pair}/>", f"<c:Setting  {pair} >{gap()}</c:Setting>"]))

    body = gap()
    for role, (count, settings) in roles.items():
        inner = gap().join(setting(*pair) for pair in settings.items())
        body += (
            f'<c:Role name="{role}">{gap()}<c:Instances  count="{count}" />{gap()}'
            f"<c:ConfigurationSettings>{gap()}{inner}{gap()}</c:ConfigurationSettings>{gap()}</c:Role>{gap()}"
        )
    root = attributes(
        {"serviceName": "svc", "osFamily": "4", "xmlns:c": CONFIGURATION_NAMESPACE, "xmlns:unused": "urn:unused"}
    )
    declaration = draw.draw(
        st.sampled_from(["", '<?xml version="1.0"?>', "<?xml version='1.0' encoding='utf-8'?>\r\n"])
    )
    return f"{declaration}<c:ServiceConfiguration {root}>{body}</c:ServiceConfiguration>".encode()


@given(configurations, st.data())
def test_the_key_is_equal_however_a_configuration_is_written(roles: Roles, data: st.DataObject) -> None:
    plain = written(roles).encode()
    again = rewritten(roles, data)
    assert key_of(again) == key_of(plain)
    assert key_of(again.replace(b"\r\n", b"\n")) == key_of(again)


@given(configurations, st.data())
def test_the_key_differs_with_any_setting_and_with_any_count(roles: Roles, data: st.DataObject) -> None:
    plain = written(roles).encode()
    role = data.draw(st.sampled_from(list(roles)))
    count, settings = roles[role]
    assert key_of(with_instance_counts(plain, {role: count + 1})) != key_of(plain)
    if settings:
        name = data.draw(st.sampled_from(list(settings)))
        other = data.draw(values.filter(lambda value: value != settings[name]))
        patched = with_settings(plain, {f"{role}/{name}": other})
        assert key_of(patched) != key_of(plain)
        assert key_of(with_settings(patched, {f"{role}/{name}": settings[name]})) == key_of(plain)


def test_the_key_differs_with_the_operating_system_and_with_what_nobody_knows() -> None:
    other = written(TWO_ROLES, osfamily="5").encode()
    extended = TWO.replace(b"<Role ", b'<Role vmName="x" ', 1)
    assert len({key_of(TWO), key_of(other), key_of(extended)}) == 3


def test_the_same_bytes_are_read_once_as_long_as_they_are_remembered() -> None:
    keys = Keys(count_max=2)
    documents = [written(TWO_ROLES, osfamily=family).encode() for family in "456"]
    first = keys.of(documents[0])
    assert first == key_of(documents[0])
    assert keys.of(bytes(documents[0])) is first
    keys.of(documents[1])
    assert keys.of(documents[0]) is first
    keys.of(documents[2])
    assert keys.of(documents[0]) is first
    assert [keys.of(each) for each in documents] == [key_of(each) for each in documents]


@pytest.mark.parametrize("document", [b"", b"not xml", b"<a/>"])
def test_what_cannot_be_read_has_no_key(document: bytes) -> None:
    assert [Keys().of(document) for _ in range(2)] == ["", ""]


# --- what a change will send ---


def drawn(order: Order, **payloads: bytes) -> Any:
    known = {DEPLOYED: TWO, WANTED: written({"Web": (1, {"Release": "9"})}).encode()}
    return draw(order, known | {CONTAINER: payloads.get("container", b"")})


def test_what_is_deployed_is_sent_with_settings_and_counts_put_in() -> None:
    order = Order(DEPLOYED, counts={"Web": 7}, settings={"Web/Level": "debug"})
    found = drawn(order)
    assert isinstance(found, Drawn)
    expected = {"Web": (7, {"Release": "1", "Level": "debug"}), "Worker": TWO_ROLES["Worker"]}
    assert found.key == key_of(found.document) == key_of(written(expected).encode())
    assert found.captured is None


def test_a_wanted_configuration_takes_the_place_of_what_is_deployed_and_keeps_the_counts() -> None:
    found = drawn(Order(DEPLOYED, WANTED, {"Web": 2, "Worker": 3}))
    assert isinstance(found, Drawn)
    assert found.key == key_of(written({"Web": (2, {"Release": "9"})}).encode())


def test_a_document_that_nothing_changes_is_sent_byte_for_byte() -> None:
    assert drawn(Order(DEPLOYED)) == Drawn(TWO, key_of(TWO))


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (
            Order(DEPLOYED, settings={"Web/Relase": "2"}),
            "the deployed service configuration cannot be changed so: "  # noqa: ISC004 - one sentence
            "role `Web` has no setting `Relase`; did you mean `Release`?",
        ),
        (
            Order(DEPLOYED, WANTED, settings={"Worker/Queue": "2"}),
            "the new service configuration cannot be changed so: the configuration has no role `Worker`; it has `Web`",
        ),
    ],
)
def test_what_cannot_be_made_is_said_for_people(order: Order, words: str) -> None:
    assert drawn(order) == Unfeasible(words)


def test_a_configuration_that_cannot_be_read_is_said_for_people() -> None:
    found = draw(Order(DEPLOYED), {DEPLOYED: b""})
    assert found == Unfeasible("the deployed service configuration cannot be used: the document is empty")


@pytest.mark.parametrize(
    ("container", "captured"),
    [
        (b"https://h.example/old?sv=1&sig=a%2Bb\n", f"https://h.example/old/{PRIVATE_ID}.cspkg?sv=1&sig=a%2Bb"),
        (b"https://h.example/old/", f"https://h.example/old/{PRIVATE_ID}.cspkg"),
        (b"http://127.0.0.1:80/a/b", f"http://127.0.0.1:80/a/b/{PRIVATE_ID}.cspkg"),
    ],
)
def test_the_copied_package_lies_in_the_container_under_the_deployments_own_name(
    container: bytes, captured: str
) -> None:
    found = drawn(Order(DEPLOYED, container=CONTAINER, private_id=PRIVATE_ID), container=container)
    assert isinstance(found, Drawn)
    assert found.captured == captured.encode()


@pytest.mark.parametrize("container", [b"", b"\xff", b"ftp://h/a", b"https://h/?sig=" + b"S" * 2_040])
def test_a_container_that_is_none_is_said_without_quoting_it(container: bytes) -> None:
    found = drawn(Order(DEPLOYED, container=CONTAINER, private_id=PRIVATE_ID), container=container)
    assert isinstance(found, Unfeasible)
    assert found.reason.startswith("the running package cannot be copied: the ")
    assert "SSS" not in found.reason


@pytest.mark.parametrize("private_id", ["", ".."])
def test_a_deployment_without_a_name_of_its_own_cannot_be_copied(private_id: str) -> None:
    order = Order(DEPLOYED, container=CONTAINER, private_id=private_id)
    found = drawn(order, container=b"https://h.example/old")
    assert isinstance(found, Unfeasible)


def test_where_no_configuration_is_shown_none_can_be_changed() -> None:
    found = drawn(Order(settings={"Web/Release": "2"}))
    assert found == Unfeasible("the deployment shows no service configuration that could be changed")
    assert isinstance(drawn(Order(wanted=WANTED)), Drawn)


def test_payloads_of_an_order_are_named_before_they_are_wanted() -> None:
    assert payloads_of(Order()) == ()
    assert payloads_of(Order(DEPLOYED)) == (DEPLOYED,)
    assert payloads_of(Order(DEPLOYED, WANTED, container=CONTAINER)) == (WANTED, CONTAINER)

"""The hardened XML function: the bad inputs X1-X26 of the list, and its small readers."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rollout.platforms.classic import xml

NS = "http://schemas.microsoft.com/windowsazure"
OPEN = f'<Error xmlns="{NS}">'


def refused(body: bytes) -> str:
    with pytest.raises(xml.Unreadable) as caught:
        xml.parse(body, {"Error"})
    message = str(caught.value)
    assert len(message) <= 200
    return message


@contextmanager
def nothing_read_from(path: Path) -> Iterator[None]:
    """Fail if `path` is read, by Python or by libxml2: reading moves a file's access time."""
    modified = path.stat().st_mtime_ns
    os.utime(path, ns=(1, modified))
    yield
    assert path.stat().st_atime_ns == 1
    path.read_bytes()
    if path.stat().st_atime_ns == 1:
        pytest.skip("this file system keeps no access times, so a read cannot be seen")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.dtd"
    path.write_text('<!ENTITY leak "THE SECRET">')
    return path


def test_x1_a_file_entity_is_refused(secret: Path) -> None:
    with nothing_read_from(secret):
        refused(f'<!DOCTYPE Error [<!ENTITY e SYSTEM "file://{secret}">]>{OPEN}&e;</Error>'.encode())


def test_x2_a_parameter_entity_is_refused_and_opens_nothing(secret: Path) -> None:
    with nothing_read_from(secret):
        refused(f'<!DOCTYPE Error [<!ENTITY % p SYSTEM "file://{secret}"> %p;]>{OPEN}&leak;</Error>'.encode())


def test_x3_an_external_dtd_is_refused_and_opens_nothing(secret: Path) -> None:
    with nothing_read_from(secret):
        refused(f'<!DOCTYPE Error SYSTEM "file://{secret}">{OPEN}&leak;</Error>'.encode())


def test_x3_even_without_the_byte_scan_the_parser_opens_no_dtd(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "_FORBIDDEN", ())
    with nothing_read_from(secret):
        refused(f'<!DOCTYPE Error SYSTEM "file://{secret}">{OPEN}&leak;</Error>'.encode())


def test_x4_xinclude_is_left_alone_and_opens_nothing(secret: Path) -> None:
    include = f'<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="file://{secret}" parse="text"/>'
    with nothing_read_from(secret):
        root = xml.parse(f"{OPEN}<Code>a</Code>{include}</Error>".encode(), {"Error"})
    assert "SECRET" not in "".join(str(part) for part in root.itertext())


@pytest.mark.parametrize("place", ["<!-- <!DOCTYPE x> -->", "<![CDATA[<!ENTITY x>]]>"])
def test_x5_an_internal_entity_is_refused_wherever_its_declaration_hides(place: str) -> None:
    refused(f'<!DOCTYPE Error [<!ENTITY e "x">]>{OPEN}&e;</Error>'.encode())
    refused(f"{OPEN}{place}</Error>".encode())


def test_x6_billion_laughs_is_refused() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    refused(f'<!DOCTYPE Error [<!ENTITY l0 "ha">{laughs}]>{OPEN}&l9;</Error>'.encode())


def test_x7_quadratic_expansion_is_refused() -> None:
    refused(f'<!DOCTYPE Error [<!ENTITY a "{"a" * 50_000}">]>{OPEN}{"&a;" * 10_000}</Error>'.encode())


def test_x8_quadratic_expansion_in_attributes_is_refused() -> None:
    refused(f'<!DOCTYPE Error [<!ENTITY a "{"a" * 50_000}">]><Error b="{"&a;" * 10_000}"/>'.encode())


@pytest.mark.parametrize("depth", [300, 100_000])
def test_x9_deep_nesting_is_refused(depth: int) -> None:
    refused(("<Error>" + "<a>" * depth + "</a>" * depth + "</Error>").encode())


def test_x10_a_million_elements_are_refused_before_parsing() -> None:
    assert "over the cap" in refused(b"<Error>" + b"<a/>" * 1_000_000 + b"</Error>")
    assert "over the cap of 40000 '<'" in refused(b"<Error>" + b"<a/>" * 40_000 + b"</Error>")


def test_x11_many_attributes_are_refused() -> None:
    many = " ".join(f'a{n}="1"' for n in range(65))
    assert "more than 64 attributes" in refused(f"<Error><Code {many}/></Error>".encode())
    refused(b"<Error " + b" ".join(b"a%d=''" % n for n in range(100_000)) + b"/>")


def test_x12_eleven_megabytes_of_text_are_refused_by_size() -> None:
    assert "over the cap of 1048576 bytes" in refused(b"<Error>" + b"x" * 11_000_000 + b"</Error>")


def test_x13_a_name_of_60000_characters_is_refused() -> None:
    refused(f"<Error><{'n' * 60_000}/></Error>".encode())


def test_x14_twenty_thousand_namespaces_are_parsed_or_refused_and_never_anything_else() -> None:
    spaces = "".join(f'<a{n}:b xmlns:a{n}="u:{n}"/>' for n in range(20_000))
    assert len(xml.parse(f"{OPEN}{spaces}</Error>".encode(), {"Error"})) == 20_000


def test_x15_utf7_is_refused_even_where_the_declaration_is_out_of_sight() -> None:
    hidden = "+ADwAIQ-DOCTYPE x [+ADwAIQ-ENTITY e 'leak'>]>"
    refused(f'<?xml version="1.0" encoding="utf-7"?>{hidden}<Error/>'.encode("ascii"))
    refused(f'<?xml version="1.0" {" " * 400}encoding="utf-7"?>{hidden}<Error/>'.encode("ascii"))


def test_x16_utf16_is_refused() -> None:
    refused('<?xml version="1.0" encoding="utf-16"?><Error/>'.encode("utf-16"))


def test_x17_ebcdic_is_refused() -> None:
    refused('<?xml version="1.0" encoding="cp037"?><Error/>'.encode("cp037"))


def test_x18_a_nul_byte_is_refused() -> None:
    assert "x00" in refused(b"<Error><Code>a\x00</Code></Error>")


def test_x19_bad_utf8_is_refused() -> None:
    assert "not UTF-8" in refused(b"<Error><Code>\xff</Code></Error>")


def test_x20_a_processing_instruction_is_dropped() -> None:
    root = xml.parse(f"{OPEN}<?php evil ?><!-- note --><Code>a</Code></Error>".encode(), {"Error"})
    assert [xml.local(element) for element in root] == ["Code"]


def test_x21_a_wrong_root_or_namespace_is_refused() -> None:
    assert "the root is <Operation>" in refused(f'<Operation xmlns="{NS}"/>'.encode())
    with pytest.raises(xml.Unreadable, match="namespace"):
        xml.parse(b'<Operation xmlns="http://other.example"/>', {"Operation"})
    with pytest.raises(xml.Unreadable, match="namespace"):
        xml.parse(b"<Operation/>", {"Operation"})


@pytest.mark.parametrize("empty", [b"", b"  \r\n", b"\xef\xbb\xbf"])
def test_x22_an_empty_document_is_refused(empty: bytes) -> None:
    assert "empty" in refused(empty)


def test_x24_a_document_that_is_cut_off_is_refused() -> None:
    refused(f"{OPEN}<Code>Conf".encode())


def test_x25_two_roots_are_refused() -> None:
    refused(b"<Error/><Error/>")


@pytest.mark.parametrize("body", [b"<Error>&#x1;</Error>", b'<Error a="1" a="2"/>'])
def test_x26_a_control_character_reference_and_a_duplicate_attribute_are_refused(body: bytes) -> None:
    refused(body)


def test_the_caps_are_settings() -> None:
    body = b"<Error><Code>a</Code></Error>"
    xml.parse(body, {"Error"})
    for limits in (xml.XmlLimits(bytes_max=10), xml.XmlLimits(markup_max=2)):
        with pytest.raises(xml.Unreadable, match="over the cap"):
            xml.parse(body, {"Error"}, limits=limits)
    with pytest.raises(xml.Unreadable, match="attributes"):
        xml.parse(b'<Error a="1"/>', {"Error"}, limits=xml.XmlLimits(attributes_max=0))


def test_both_spellings_of_the_namespace_are_read_and_an_error_in_none_too() -> None:
    for namespace in (NS, NS.replace("http:", "https:")):
        assert xml.local(xml.parse(f'<Deployment xmlns="{namespace}"/>'.encode(), {"Deployment"})) == "Deployment"
    assert xml.text(xml.parse(b"\xef\xbb\xbf<Error><Code> a </Code></Error>", {"Error"}), "Code") == "a"


def test_a_declared_utf8_or_ascii_is_read() -> None:
    for encoding in ("utf-8", "UTF-8", "us-ascii"):
        xml.parse(f'<?xml version="1.0" encoding="{encoding}"?><Error/>'.encode(), {"Error"})


def test_readers_see_direct_children_only_and_take_nil_for_absent() -> None:
    root = xml.parse(
        f'<Deployment xmlns="{NS}" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">'
        '<Inner><Status>deep</Status></Inner><Gone i:nil="true"/><Empty/></Deployment>'.encode(),
        {"Deployment"},
    )
    assert xml.text(root, "Status") is None
    assert xml.text(root, "Gone") is None
    assert xml.text(root, "Empty") == ""


def test_quoted_text_is_redacted() -> None:
    message = refused(b'<Deployment-sig=SECRET xmlns="https://u:pw@h/?sig=SECRET"/>')
    assert "SECRET" not in message

"""The bad inputs X1-X30 against the emulator's reader: each id is in its test's name."""

import shutil
import subprocess
import sys
import time
from base64 import b64encode
from pathlib import Path

import pytest

from rollout.emulator import hardened, read
from rollout.emulator.fleet import configuration
from rollout.emulator.knobs import Knobs
from rollout.emulator.read_elements import Reader
from rollout.emulator.refusals import Refusal
from rollout.platforms.classic.vocabulary import CLIENT_VERSION, ErrorCode

READER = Reader(Knobs(), CLIENT_VERSION)
NS = 'xmlns="http://schemas.microsoft.com/windowsazure"'
WALK = f"<WalkUpgradeDomain {NS}><UpgradeDomain>{{}}</UpgradeDomain></WalkUpgradeDomain>"


def refuse(document: str | bytes) -> str:
    """Expect the reader to refuse a walk with InvalidXmlRequest, and give its message."""
    body = document.encode() if isinstance(document, str) else document
    with pytest.raises(Refusal) as caught:
        read.walk(body, READER)
    assert (caught.value.status, caught.value.code) == (400, ErrorCode.INVALID_XML_REQUEST)
    assert len(caught.value.message) < 400
    return caught.value.message


def accept(document: str) -> int:
    return read.walk(document.encode(), READER)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Give a file whose text must never be seen, holding a declaration too."""
    file = tmp_path / "secret.dtd"
    file.write_text('<!ENTITY e "canary-4711">')
    return file


def test_x1_a_file_entity_is_refused(secret: Path) -> None:
    message = refuse(f'<!DOCTYPE a [<!ENTITY e SYSTEM "file://{secret}">]>' + WALK.format("&e;"))
    assert "canary" not in message


def test_x2_a_parameter_entity_is_refused(secret: Path) -> None:
    assert "canary" not in refuse(f'<!DOCTYPE a [<!ENTITY % p SYSTEM "file://{secret}"> %p;]>' + WALK.format("&e;"))


def test_x3_an_external_dtd_is_refused(secret: Path) -> None:
    assert "canary" not in refuse(f'<!DOCTYPE a SYSTEM "file://{secret}">' + WALK.format("&e;"))


def test_x4_an_xinclude_is_left_alone(secret: Path) -> None:
    include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file://{secret}" parse="text"/>'
    assert "canary" not in refuse(WALK.format(include))


def test_x1_x2_x3_x4_no_file_is_opened(secret: Path, tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("without strace nothing outside sees the C library open files; the other X tests stand alone")
    script = tmp_path / "try.py"
    script.write_text(
        "import sys\n"
        "from rollout.emulator import hardened\n"
        "for document in sys.argv[1:]:\n"
        "    try:\n"
        "        hardened._tree(document.encode())\n"  # past the scan for doctypes: the parser alone must not open
        "    except hardened.XmlRefused:\n"
        "        pass\n",
    )
    documents = [
        f'<!DOCTYPE a SYSTEM "{secret}"><a>&e;</a>',
        f'<!DOCTYPE a [<!ENTITY e SYSTEM "{secret}">]><a>&e;</a>',
        f'<!DOCTYPE a [<!ENTITY % p SYSTEM "{secret}"> %p;]><a>&e;</a>',
        f'<a><xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{secret}" parse="text"/></a>',
    ]
    trace = tmp_path / "trace"
    command = [
        strace,
        "-f",
        "-qq",
        "-e",
        "trace=open,openat",
        "-o",
        str(trace),
        sys.executable,
        str(script),
        *documents,
    ]
    done = subprocess.run(command, check=False, capture_output=True, timeout=50)  # noqa: S603 - fixed arguments
    if done.returncode != 0 and not trace.exists():
        pytest.skip("tracing is forbidden here")
    assert done.returncode == 0, done.stderr
    assert "lxml" in trace.read_text()
    assert secret.name not in trace.read_text()


def test_x5_an_internal_entity_is_refused() -> None:
    refuse('<!DOCTYPE a [<!ENTITY e "0">]>' + WALK.format("&e;"))


def test_x6_a_billion_laughs_are_refused() -> None:
    entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
    started = time.monotonic()
    refuse(f'<!DOCTYPE a [<!ENTITY e0 "lol">{entities}]>' + WALK.format("&e9;"))
    assert time.monotonic() - started < 5


def test_x7_a_quadratic_expansion_is_refused() -> None:
    refuse(f'<!DOCTYPE a [<!ENTITY e "{"x" * 50_000}">]>' + WALK.format("&e;" * 5_000))


def test_x8_a_quadratic_expansion_in_attributes_is_refused() -> None:
    refuse(f'<!DOCTYPE a [<!ENTITY e "{"x" * 50_000}">]><a b="{"&e;" * 5_000}"/>')


@pytest.mark.parametrize("depth", [300, 19_000, 100_000])
def test_x9_a_deep_document_is_refused(depth: int) -> None:
    refuse(WALK.format("<a>" * depth + "</a>" * depth))


def test_x10_a_million_elements_are_refused_before_parsing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardened, "_tree", lambda _: pytest.fail("it was parsed"))
    refuse("<a>" + "<b/>" * 1_000_000 + "</a>")
    refuse("<a>" + "<b/>" * 40_001 + "</a>")


def test_x11_a_hundred_thousand_attributes_are_refused() -> None:
    refuse(WALK.format("<a " + " ".join(f'b{n}=""' for n in range(100_000)) + "/>"))
    refuse(WALK.format("<a " + " ".join(f'b{n}=""' for n in range(65)) + "/>"))


def test_x12_eleven_megabytes_are_refused_by_size() -> None:
    assert "1048576 bytes" in refuse(WALK.format("1" * 11_000_000))


def test_x13_a_name_of_sixty_thousand_characters_is_refused_and_not_repeated() -> None:
    refuse(WALK.format(f"<{'a' * 60_000}/>"))


def test_x14_twenty_thousand_namespaces_are_refused() -> None:
    refuse(WALK.format("".join(f'<a xmlns="u:{n}"/>' for n in range(20_000))))


def test_x15_utf_7_is_refused_however_far_away_it_is_declared() -> None:
    hidden = '<?xml version="1.0"{} encoding="utf-7"?>+ADwAIQ-DOCTYPE a+AD4-' + WALK.format("0")
    refuse(hidden.format(""))
    refuse(hidden.format(" " * 400))


def test_x16_utf_16_is_refused() -> None:
    refuse(WALK.format("0").encode("utf-16"))
    refuse(('<?xml version="1.0" encoding="utf-16"?>' + WALK.format("0")).encode())


def test_x17_ebcdic_is_refused() -> None:
    refuse(('<?xml version="1.0" encoding="cp037"?>' + WALK.format("0")).encode("cp037"))
    refuse('<?xml version="1.0" encoding="cp037"?>' + WALK.format("0"))


def test_x18_a_nul_is_refused() -> None:
    refuse(WALK.format("0\0"))


def test_x19_bad_utf_8_is_refused() -> None:
    refuse(WALK.format("0").encode() + b"<!-- \xc3\x28 -->")


def test_x20_a_processing_instruction_and_a_comment_are_dropped() -> None:
    assert accept("<?php echo ?>" + WALK.format("<!-- one -->1<?two?>")) == 1


@pytest.mark.parametrize(
    "document",
    [
        "<WalkUpgradeDomain><UpgradeDomain>0</UpgradeDomain></WalkUpgradeDomain>",
        WALK.format("0").replace("WalkUpgradeDomain", "Walk"),
        WALK.format("0").replace("http:", "https:"),
        WALK.format("0").replace("<UpgradeDomain>", '<UpgradeDomain xmlns="u:v">'),
    ],
)
def test_x21_another_root_or_namespace_is_refused(document: str) -> None:
    refuse(document)


def test_x21_the_misprinted_namespace_is_taken_with_the_lenient_knob() -> None:
    lenient = Reader(Knobs(lenient_ns=True), CLIENT_VERSION)
    assert read.walk(WALK.format("3").replace("http:", "https:").encode(), lenient) == 3


@pytest.mark.parametrize("document", ["", " ", "\n", "\ufeff"])
def test_x22_an_empty_document_is_refused(document: str) -> None:
    refuse(document)


def test_x24_a_document_cut_off_is_refused_at_every_byte() -> None:
    whole = WALK.format("0")
    for length in range(len(whole)):
        refuse(whole[:length])


def test_x25_two_roots_are_refused() -> None:
    refuse(WALK.format("0") * 2)


def test_x26_a_control_character_reference_and_a_duplicate_attribute_are_refused() -> None:
    refuse(WALK.format("&#1;"))
    refuse(WALK.format("0").replace("<UpgradeDomain>", '<UpgradeDomain a="1" a="2">'))


def test_a_doctype_is_refused_even_where_it_means_nothing() -> None:
    refuse(WALK.format("<![CDATA[<!DOCTYPE a>]]>0"))
    refuse(WALK.format("<!-- <!ENTITY -->0"))


def test_the_parser_alone_refuses_a_doctype_too() -> None:
    with pytest.raises(hardened.XmlRefused, match="has a doctype"):
        hardened._tree(b'<!DOCTYPE a [<!ENTITY e "0">]><a/>')


def test_a_byte_order_mark_and_a_declared_utf_8_are_fine() -> None:
    assert accept('\ufeff<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n' + WALK.format("2")) == 2
    assert accept("<?xml version='1.0' encoding='us-ascii'?>" + WALK.format("2")) == 2


# X29 and X30: values inside a well-formed document


def upgrade_body(
    *,
    label: str | None = None,
    configuration_text: str | None = None,
    properties: str = "",
    end: str = "",
) -> bytes:
    plain = b64encode(b"web-2.4.1").decode() if label is None else label
    given = b64encode(configuration("svc-0001", "r", 2)).decode() if configuration_text is None else configuration_text
    return (
        f"<UpgradeDeployment {NS}><Mode>Manual</Mode><PackageUrl>https://a.example/p.cspkg</PackageUrl>"
        f"<Configuration>{given}</Configuration><Label>{plain}</Label><Force>false</Force>{properties}{end}"
        "</UpgradeDeployment>"
    ).encode()


def bad_request(body: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        read.upgrade(body, READER)
    assert (caught.value.status, caught.value.code) == (400, ErrorCode.BAD_REQUEST)
    return caught.value.message


GOOD64 = b64encode(b"\xfb\xff\xfe label with + and /").decode()


@pytest.mark.parametrize(
    "bad",
    [
        "%%%%",
        "YWJj\n",
        "\nYWJj",
        "YWJ j",
        "YWJ",
        "YW==YW==",
        "YQ=",
        "YQ===",
        GOOD64.replace("+", "-").replace("/", "_"),
        "\u0661\u0662\u0663\u0664",
        "",
    ],
)
def test_x29_a_field_that_is_no_base64_is_refused(bad: str) -> None:
    assert "Label is not base64" in bad_request(upgrade_body(label=bad))
    assert "Configuration is not base64" in bad_request(upgrade_body(configuration_text=bad))


def test_x29_base64_of_no_text_is_refused() -> None:
    assert "UTF-8" in bad_request(upgrade_body(label=b64encode(b"\xff\xfe").decode()))


def properties(*pairs: tuple[str, str]) -> str:
    inside = "".join(
        f"<ExtendedProperty><Name>{name}</Name><Value>{value}</Value></ExtendedProperty>" for name, value in pairs
    )
    return f"<ExtendedProperties>{inside}</ExtendedProperties>"


def test_x30_a_label_of_100_characters_is_taken_and_of_101_refused() -> None:
    def body(text: str) -> bytes:
        return upgrade_body(label=b64encode(text.encode()).decode())

    assert len(read.upgrade(body("ö" * 100), READER).release.label) == 100
    assert "101 characters" in bad_request(body("ö" * 101))


@pytest.mark.parametrize(
    "pairs",
    [
        [("a" * 65, "v")],
        [(f"p{n}", "v") for n in range(26)],
        [("p", "v" * 256)],
        [("1p", "v")],
        [("p-q", "v")],
        [("p\n", "v")],
        [("", "v")],
        [("p", "v"), ("p", "w")],
    ],
)
def test_x30_properties_beyond_their_limits_are_refused(pairs: list[tuple[str, str]]) -> None:
    bad_request(upgrade_body(properties=properties(*pairs)))


def test_x30_properties_at_their_limits_are_taken() -> None:
    pairs = [("a" * 64, "v" * 255), *((f"p{n}", "v") for n in range(24))]
    assert read.upgrade(upgrade_body(properties=properties(*pairs)), READER).properties == tuple(pairs)

"""Text from outside cannot steer the terminal."""

import pytest

from rollout.views.text import counted, one_line, printable


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\rb", "a\\rb"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2028", "\\u2028"),
        ("\x9b31m", "\\x9b31m"),
        ("\udc80", "\\udc80"),
    ],
)
def test_controls_and_invisible_formats_are_written_as_escapes(hostile: str, shown: str) -> None:
    assert printable(hostile) == shown
    assert printable(hostile).isprintable()


def test_plain_text_and_its_lines_stay_as_they_are() -> None:
    assert printable("größer als 3 →\nzweite Zeile") == "größer als 3 →\nzweite Zeile"


def test_one_line_has_no_line_feed_at_all() -> None:
    assert one_line("  a\n b\t\tc \x07") == "a b c \\x07"


def test_counts_are_spelled_with_their_noun() -> None:
    assert [counted(number, "service") for number in (0, 1, 2)] == ["0 services", "1 service", "2 services"]

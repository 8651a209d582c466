"""The table at several widths, without colour, without Unicode, and with hostile text in it."""

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from rollout.cli.render import Frame
from rollout.core.names import RolloutId
from rollout.views.view import Domain, Group, Row, View

DONE, WORK, TO_DO, BACK = Domain.DONE, Domain.IN_WORK, Domain.TO_DO, Domain.GOING_BACK
ROWS = (
    Row("svc-0001", "walking", "walks domain 2", (DONE, DONE, WORK, TO_DO, TO_DO), 12.0, "", Group.MOVING),
    Row("svc-0002", "rolling_back", "rolls back (domain 1 failed)", (BACK, BACK, TO_DO), 3.0, "", Group.FAILED),
    Row("svc-0003", "ended", "all 5 domains run the new release", (DONE,) * 5, 0.0, "succeeded", Group.DONE),
)
TOTALS = {Group.FAILED: 1, Group.MOVING: 1, Group.QUEUED: 7, Group.DONE: 1}
NONE = dict.fromkeys(Group, 0)

Render = Callable[..., str]


@pytest.fixture
def render() -> Render:
    def draw(
        rows: tuple[Row, ...] = ROWS,
        width: int = 80,
        encoding: str = "utf-8",
        rollout: str = "web-1",
        *,
        terminal: bool = False,
        colour: bool = False,
    ) -> str:
        raw = io.BytesIO()
        file = io.TextIOWrapper(raw, encoding=encoding)
        view = View(RolloutId(rollout), rows, TOTALS, {**NONE, Group.QUEUED: 7}, 95.4)
        console = Console(
            file=file,
            width=width,
            force_terminal=terminal,
            no_color=not colour,
            color_system="standard" if terminal else None,
        )
        console.print(Frame(view))
        file.flush()
        return raw.getvalue().decode(encoding)

    return draw


def test_at_eighty_columns_every_service_is_one_line(render: Render) -> None:
    lines = render().splitlines()
    assert lines[0].rstrip() == "web-1  1 done, 1 in flight, 7 queued, 1 failed  1m35s"
    assert lines[1].split() == ["service", "phase", "domains", "since", "doing"]
    assert lines[2].split() == ["svc-0001", "walking", "●●◐○○", "12s", "walks", "domain", "2"]
    assert lines[3].startswith("svc-0002  rolling_back  ◁◁○")
    assert lines[4].split()[:3] == ["svc-0003", "succeeded", "●●●●●"]
    assert lines[5].rstrip() == "not shown: 7 queued"
    assert len(lines) == 6
    assert max(map(len, lines)) <= 80


def test_at_two_hundred_columns_nothing_is_cut(render: Render) -> None:
    text = render(width=200)
    assert "all 5 domains run the new release" in text
    assert "…" not in text


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_long_words_take_only_the_width_that_is_left(width: int, render: Render) -> None:
    row = Row("svc-0001", "rolling_back", "the platform said " + "no " * 300, (BACK, TO_DO), 1.0, "", Group.FAILED)
    line = render((row,), width=width).splitlines()[2]
    assert line.split()[:6] == ["svc-0001", "rolling_back", "◁○", "1s", "the", "platform"]
    assert len(line.rstrip()) == width


def test_a_narrow_terminal_keeps_bar_and_outcome(render: Render) -> None:
    lines = render(width=40).splitlines()
    assert max(map(len, lines)) <= 40
    assert lines[2].split() == ["svc-0001", "walking", "●●◐○○"]
    assert lines[4].split() == ["svc-0003", "succeeded", "●●●●●"]


def test_a_terminal_without_unicode_gets_plain_marks(render: Render) -> None:
    text = render(encoding="ascii")
    assert "##+.." in text
    assert "<<." in text


@pytest.mark.parametrize("hostile", ["[red]svc[/red]", "[/]", "[link=http://e.example]x[/link]", ":boom:"])
def test_markup_in_a_name_is_shown_as_text(hostile: str, render: Render) -> None:
    row = Row(hostile, "queued", hostile, (), 0.0, "", Group.QUEUED)
    assert render((row,), width=200, rollout=hostile).count(hostile) == 3


def test_controls_in_a_platforms_words_do_not_reach_the_terminal(render: Render) -> None:
    row = Row("svc\x1b[2J", "held", "refused: \x1b]0;owned\x07\nnext", (), 0.0, "", Group.FAILED)
    text = render((row,), width=200)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\\x1b]0;owned\\x07 next" in text


def test_a_long_name_is_cut_and_leaves_room(render: Render) -> None:
    row = Row("s" * 300, "walking", "walks domain 0", (WORK,), 1.0, "", Group.MOVING)
    line = render((row,)).splitlines()[2]
    assert len(line) <= 80
    assert "…" in line
    assert "◐" in line


def test_no_color_leaves_no_colour_codes(render: Render) -> None:
    assert "\x1b[3" in render(terminal=True, colour=True)
    assert "\x1b[3" not in render(terminal=True, colour=False)

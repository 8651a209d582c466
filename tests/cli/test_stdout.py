"""A reader of stdout that is slow, stopped or gone never holds up who writes."""

import io
import threading

import pytest

from rollout.cli import stdout
from rollout.cli.stdout import LineWriter


class Pipe(io.StringIO):
    """A stdout whose reader can be stopped, or be gone."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = threading.Event()
        self.gone = False

    def write(self, text: str) -> int:
        self.reads.wait(10)
        if self.gone:
            raise BrokenPipeError
        return super().write(text)


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


def test_lines_come_out_in_order(pipe: Pipe) -> None:
    pipe.reads.set()
    writer = LineWriter(pipe, lambda: None)
    with writer.writing():
        for number in range(1000):
            writer.put(str(number))
    assert pipe.getvalue().split() == [str(number) for number in range(1000)]
    assert writer.missed == 0


def test_a_stopped_reader_does_not_stop_the_writer(pipe: Pipe) -> None:
    writer = LineWriter(pipe, lambda: None)
    with writer.writing():
        writer.put("first")
        writer.put("second")
        assert pipe.getvalue() == ""
        pipe.reads.set()
    assert pipe.getvalue() == "first\nsecond\n"


def test_a_reader_that_never_reads_costs_lines_and_is_counted(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdout, "LINES_WAITING_MAX", 10)
    monkeypatch.setattr(stdout, "LAST_LINES_S_MAX", 0.01)
    writer = LineWriter(pipe, lambda: None)
    with writer.writing():
        for number in range(100):
            writer.put(str(number))
    assert writer.missed >= 99 - 10
    pipe.reads.set()


def test_a_reader_that_has_gone_is_told_once(pipe: Pipe) -> None:
    told: list[bool] = []
    pipe.gone = True
    pipe.reads.set()
    writer = LineWriter(pipe, lambda: told.append(True))
    with writer.writing():
        for number in range(5):
            writer.put(str(number))
    assert told == [True]
    assert writer.missed == 5

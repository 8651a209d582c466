"""What keeps a call from being sent, judged at its first byte by the durable words alone: S13, S5, S3 and `halt`."""

from collections.abc import Iterator

from rollout.core import fleet_event
from rollout.core.names import StreamName, parse_service_stream, rollout_stream
from rollout.core.operation import Operation, RollBack, describe
from rollout.simulation.book import Book, Page
from rollout.simulation.sender import stream_of


def sent_against(book: Book, key: str, operation: Operation) -> Iterator[tuple[str, str]]:
    """Give each rule that the sending of call `key` breaks, with its sentence."""
    stream = stream_of(key)
    state, what = book.services[stream], f"the {describe(operation)} of {stream}"
    if state.stop is not None:
        yield "S13", f"{what} was sent although {state.stop.who} said stop"
    if state.ended is not None:
        yield "S5", f"{what} was sent after the attempt had ended"
    if key in book.back or isinstance(operation, RollBack):
        return
    if state.turned_back:
        yield "S3", f"{what} was sent although it goes back: {state.failure}"
    if state.holds:
        yield "S3", f"{what} was sent although it is held: {state.holds[0].note}"
    if (halted := halt_over(book, stream)) is not None:
        yield "halt", f"{what} was sent although its rollout is halted: {halted}"


def halt_over(book: Book, stream: StreamName) -> str | None:
    """Say why the rollout of an attempt is halted, so that nothing new starts; None = it is not."""
    rollout, _, _ = parse_service_stream(stream)
    fleet = book.rollouts.get(rollout_stream(rollout))
    return None if fleet is None else fleet.halted


def opened_against(book: Book, page: Page) -> str | None:
    """Say what is wrong where a wave is opened although its rollout is halted."""
    fleet = book.rollouts.get(page.entry.stream)
    if fleet is None or fleet.halted is None or not isinstance(page.entry.fact, fleet_event.WaveOpened):
        return None
    return f"wave {page.entry.fact.wave} was opened although {page.entry.stream} is halted: {fleet.halted}"

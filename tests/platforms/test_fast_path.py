"""The bytes that say InProgress, and everything near them that does not."""

from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from rollout.core.outcome import Running
from rollout.platforms.classic import decode, xml
from rollout.platforms.classic.fast_path import says_in_progress

ID = b"0f8fad5bd9cb469fa16570867728950e"
GOLDEN = Path(__file__).parent.parent / "golden"
BODY = (GOLDEN / "operation.in-progress.response.xml").read_bytes().strip()


def test_the_recorded_document_is_recognised_with_its_id_in_either_spelling() -> None:
    plain = BODY.replace(b"0f8fad5b-d9cb-469f-a165-70867728950e", ID)
    without = BODY.replace(b' xmlns:i="http://www.w3.org/2001/XMLSchema-instance"', b"")
    assert all(says_in_progress(body, ID) for body in (BODY, plain, without))


def test_nothing_else_is_recognised_golden_endings_least_of_all() -> None:
    for path in GOLDEN.glob("*.response.xml"):
        if path.name != "operation.in-progress.response.xml":
            assert not says_in_progress(path.read_bytes().strip(), ID)
    for body in (b"", BODY + b" ", b" " + BODY, BODY[:-1], BODY.replace(b"InProgress", b"inprogress")):
        assert not says_in_progress(body, ID)
    assert not says_in_progress(BODY, b"1" + ID[1:])


@example(at=130, by=b"", cut=1)  # a dash less than an id has: the decoder refuses it
@given(at=st.integers(0, len(BODY) - 1), by=st.binary(max_size=3), cut=st.integers(0, 3))
def test_what_is_recognised_the_hardened_decoder_reads_as_running(at: int, by: bytes, cut: int) -> None:
    body = BODY[:at] + by + BODY[at + cut :]
    if not says_in_progress(body, ID):
        return
    read = decode.decode_operation(body, xml.DEFAULT_LIMITS)
    assert isinstance(read, decode.OperationRead)
    assert (read.id, read.progress) == (ID.decode(), Running())

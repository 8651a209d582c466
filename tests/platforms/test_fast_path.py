"""The bytes that say InProgress, and everything near them that does not."""

from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from rollout.core.outcome import Running
from rollout.platforms.classic import decode, xml
from rollout.platforms.classic.fast_path import all_say_in_progress, says_in_progress

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


IDS = tuple(f"{number:032x}".encode() for number in (1, 0xABCDEF, 2**127 + 5))


def spelled(request_id: bytes, *, plain: bool = False) -> bytes:
    name = request_id.decode()
    dashed = "-".join((name[:8], name[8:12], name[12:16], name[16:20], name[20:]))
    return BODY.replace(b"0f8fad5b-d9cb-469f-a165-70867728950e", name.encode() if plain else dashed.encode())


def test_documents_that_are_alike_are_recognised_together_in_either_spelling() -> None:
    for plain in (False, True):
        assert all_say_in_progress([spelled(each, plain=plain) for each in IDS], IDS)
        assert all_say_in_progress([spelled(IDS[0], plain=plain)], IDS[:1])


def test_documents_are_not_recognised_together_where_one_answers_another_question() -> None:
    bodies = [spelled(each) for each in IDS]
    assert not all_say_in_progress(bodies, IDS[::-1])
    assert not all_say_in_progress([bodies[0].replace(b"InProgress", b"Succeeded"), *bodies[1:]], IDS)
    assert not all_say_in_progress([bodies[0], bodies[1].replace(b"InProgress", b"Succeeded")], IDS[:2])


@example(which=1, at=130, by=b"", cut=1)
@example(which=1, at=131, by=b"-f", cut=2)  # a dash at another place
@given(which=st.integers(0, 2), at=st.integers(0, len(BODY) - 1), by=st.binary(max_size=3), cut=st.integers(0, 3))
def test_what_is_recognised_together_is_recognised_one_by_one(which: int, at: int, by: bytes, cut: int) -> None:
    bodies = [spelled(each) for each in IDS]
    bodies[which] = bodies[which][:at] + by + bodies[which][at + cut :]
    each = [says_in_progress(body, request_id) for body, request_id in zip(bodies, IDS, strict=True)]
    assert not all_say_in_progress(bodies, IDS) or all(each)


@given(moved=st.integers(1, len(BODY) - 1), swap=st.booleans())
def test_bytes_that_stand_in_the_wrong_document_are_not_recognised(moved: int, *, swap: bool) -> None:
    first, second = (spelled(each) for each in (IDS[:2] if not swap else IDS[1::-1]))
    shifted = [first[:-moved], first[-moved:] + second]
    assert not all_say_in_progress(shifted, IDS[:2])

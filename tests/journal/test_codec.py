import json
from pathlib import Path
from typing import Any, get_args

import pytest

from rollout.core.event import Fact, Held, HoldReason, Lost, Succeeded
from rollout.errors import InvariantBroken, JournalDamaged, StateUnusable
from rollout.journal import codec
from rollout.journal.codec import FORMAT, GENESIS, UPCASTERS, chain, decode_fact, encode_fact, upcast

SAMPLES = Path(__file__).parent / "samples"
FACT_TYPES = {kind.__struct_config__.tag: kind for kind in get_args(Fact)}


def survives(part: Any, whole: Any) -> bool:
    """Everything `part` says is said by `whole`, which may say more."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and survives(part[key], whole[key]) for key in part)
    return bool(part == whole)


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.json")), ids=lambda sample: sample.stem)
def test_a_stored_sample_is_read_for_ever(sample: Path) -> None:
    document = json.loads(sample.read_text())
    fact = decode_fact(json.dumps(document["fact"]), document["format"])
    again = encode_fact(fact)
    assert decode_fact(again, FORMAT) == fact
    if document["format"] == FORMAT:
        assert type(fact) is FACT_TYPES[document["fact"]["type"]]
        assert survives(document["fact"], json.loads(again)), "a field of the sample is silently dropped"


def test_every_fact_type_has_a_sample_of_the_present_format() -> None:
    documents = [json.loads(sample.read_text()) for sample in SAMPLES.glob("*.json")]
    sampled = {document["fact"]["type"] for document in documents if document["format"] == FORMAT}
    assert sampled == set(FACT_TYPES)


def test_upcasters_lead_from_every_old_format_to_the_present_one() -> None:
    assert set(UPCASTERS) == set(range(1, FORMAT))


def test_a_fact_is_one_line_that_people_can_read() -> None:
    fact = Held(HoldReason.PAUSE, "Zoë", 'said "wait"\nand left')
    payload = '{"type":"held","reason":"pause","who":"Zoë","note":"said \\"wait\\"\\nand left","until_wall":null}'
    assert encode_fact(fact) == payload
    assert decode_fact(payload, FORMAT) == fact


@pytest.mark.parametrize("wall", [float("inf"), float("nan")])
def test_a_fact_that_could_not_be_read_back_is_never_written(wall: float) -> None:
    with pytest.raises(InvariantBroken, match="Held reads back as something else"):
        encode_fact(Held(HoldReason.PAUSE, "ada", "", until_wall=wall))


def test_text_that_is_no_text_is_never_written() -> None:
    with pytest.raises(InvariantBroken, match="Lost cannot be written down"):
        encode_fact(Lost(1, "\udcff"))


def test_a_fact_of_unreasonable_size_is_refused() -> None:
    with pytest.raises(InvariantBroken, match="more than"):
        encode_fact(Lost(1, "x" * codec.FACT_BYTES_MAX))


@pytest.mark.parametrize(
    "payload",
    ["", "{", "[]", '{"type":"walked_on_water"}', '{"type":"lost"}', '{"type":"succeeded","number":"1"}'],
)
def test_text_that_is_no_fact_is_damage(payload: str) -> None:
    with pytest.raises(JournalDamaged, match="no fact of format 1"):
        decode_fact(payload, 1)


def test_j7_a_fact_of_a_format_from_the_future_is_refused() -> None:
    payload = encode_fact(Succeeded(1))
    with pytest.raises(StateUnusable, match="written by a later version; go on with that one"):
        decode_fact(payload, FORMAT + 1)


def test_an_old_fact_rises_through_every_step() -> None:
    upcasters = {
        1: lambda document: {"type": document["type"], "who": document["actor"]},
        2: lambda document: {**document, "note": f"by {document['who']}"},
    }
    old = {"type": "held", "actor": "ada"}
    assert upcast(dict(old), 1, to=3, upcasters=upcasters) == {"type": "held", "who": "ada", "note": "by ada"}
    assert upcast({"type": "held", "who": "bo"}, 2, to=3, upcasters=upcasters)["note"] == "by bo"
    assert upcast(dict(old), 3, to=3, upcasters=upcasters) == old


def test_a_missing_step_is_named() -> None:
    with pytest.raises(JournalDamaged, match="nothing leads from format 2 to 3"):
        upcast({}, 1, to=3, upcasters={1: lambda document: document})


def test_the_chain_depends_on_every_byte_and_on_what_came_before() -> None:
    # printf '%064d\nrecord' 0 | sha256sum
    assert chain(GENESIS, b"record") == "7d4e16ca4c594abbafbada24996f7b376a3e1f84720b2bf50da0c1b2ff3c4097"
    assert len({chain(GENESIS, b"record"), chain(GENESIS, b"recorD"), chain("1" * 64, b"record")}) == 3

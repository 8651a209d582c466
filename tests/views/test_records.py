"""The records that people are shown, made from a plan that was just opened and from what happens to it."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from rollout.core import event
from rollout.core.compile import Compiled, compile_bundle
from rollout.core.drafts import opening
from rollout.core.event import Entry, HoldReason, ServiceFact
from rollout.core.evolve import evolve
from rollout.core.fleet_event import RolloutClosed
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.fleet_state import RolloutState
from rollout.core.names import Now, ServiceName, StreamName, parse_service_stream
from rollout.core.service import ServiceRollout
from rollout.emulator.fleet import SUBSCRIPTION, configuration
from rollout.journal.codec import FORMAT, decode_fact
from rollout.journal.journal import Recorded
from rollout.policy.load import load_policy
from rollout.views.document import document, service_document
from rollout.views.head import head_of
from rollout.views.reading import Read
from rollout.views.service import service_view
from rollout.views.timeline import timeline_entry

POLICY = f"""
rollout: web-1
about: {{ticket: OPS-311, owner: web-team, runbook: "https://wiki.example/web"}}
change:
  upgrade: {{package: "https://relstore.blob.example/web.cspkg", configuration: web.cscfg, label: web-1}}
fleet:
  subscription: {SUBSCRIPTION}
  services: {{svc-1: {{tags: {{region: weu}}}}, svc-2: {{}}}}
"""
OPENED = Now(0.0, 1_000_000.0)
LATER = Now(60.0, 1_000_060.0)
ONE = ServiceName("svc-1")
SAMPLES = Path(__file__).parent.parent / "journal" / "samples"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Give a rollout of two services, a minute after it was opened."""
    (tmp_path / "web.cscfg").write_bytes(configuration("web", "web-1", 3))
    (tmp_path / "p.yaml").write_text(POLICY, encoding="utf-8")
    compiled = compile_bundle(load_policy(tmp_path / "p.yaml"))
    own, services = opened(compiled)
    return Read(own, services, LATER, LATER)


def opened(compiled: Compiled) -> tuple[RolloutState, dict[ServiceName, ServiceRollout]]:
    (stream, fact), *rest = opening(compiled.plan, compiled.services, {})
    own = evolve_fleet(None, Entry(stream, 1, OPENED, "ann", fact))
    entries = [Entry(each, 1, OPENED, "ann", fact) for each, fact in rest]
    return own, {parse_service_stream(entry.stream)[1]: evolve(None, entry) for entry in entries}


@pytest.fixture
def after(read: Read) -> Callable[..., Read]:
    """Let facts happen to the first service."""

    def make(*facts: ServiceFact) -> Read:
        state = read.services[ONE]
        for fact in facts:
            state = evolve(state, Entry(state.stream, state.version + 1, OPENED, "bob", fact))
        return msgspec.structs.replace(read, services={**read.services, ONE: state})

    return make


def test_a_row_says_what_a_queued_service_waits_for_and_carries_its_tags(read: Read) -> None:
    row = service_view(read, ONE, read.scene())
    assert (row.group, row.phase, row.tags, row.release_after) == ("queued", "queued", {"region": "weu"}, "web-1")
    assert "queued and waits" in row.sentence
    assert row.attention is None
    assert row.since_at == OPENED.wall


def test_what_only_a_person_moves_on_names_runbook_and_ticket(after: Callable[..., Read]) -> None:
    read = after(event.Held(HoldReason.PAUSE, "bob", "lunch"))
    row = service_view(read, ONE, read.scene())
    assert [(hold.reason, hold.who, hold.text) for hold in row.holds] == [("pause", "bob", "lunch")]
    assert row.attention is not None
    assert (row.attention.runbook, row.attention.ticket) == ("https://wiki.example/web", "OPS-311")
    assert head_of(read).attention


def test_text_from_outside_stays_on_one_line_and_within_bounds(after: Callable[..., Read]) -> None:
    read = after(event.Held(HoldReason.PAUSE, "bob", "a\x1b[2J\n" + "b" * 5_000))
    note = service_view(read, ONE, read.scene()).holds[0].text
    assert len(note) == 2_000
    assert "\x1b" not in note


def test_a_head_counts_groups_and_phases_and_changes_its_tag_with_every_entry(
    read: Read, after: Callable[..., Read]
) -> None:
    head = head_of(read)
    assert head.counts == {"failed": 0, "in flight": 0, "queued": 2, "done": 0}
    assert head.phases == {"queued": 2}
    assert (head.ticket, head.owner, head.opened_at, head.result) == ("OPS-311", "web-team", OPENED.wall, None)
    assert [wave.name for wave in head.waves] == ["rest"]
    assert head.etag != head_of(after(event.Held(HoldReason.PAUSE, "bob", "lunch"))).etag


def test_a_closed_rollout_whose_services_are_not_at_hand_is_told_of_by_its_ending(read: Read) -> None:
    own = msgspec.structs.replace(read.rollout, closed=RolloutClosed(1, "1 of 2 services run the new release"))
    head = head_of(Read(own, {}, LATER, LATER))
    assert head.closed
    assert head.counts == {"failed": 1, "in flight": 0, "queued": 0, "done": 1}
    assert "over: 1 of 2" in head.sentence


def test_the_document_has_the_heads_fields_and_every_row(read: Read) -> None:
    found = document(read)
    assert [row["service"] for row in found["services"]] == ["svc-1", "svc-2"]
    assert found["id"] == "web-1"
    assert len(found["plan"]) == 64


def test_a_services_document_answers_for_every_word(read: Read) -> None:
    words = service_document(read, ONE, read.scene(), ())["words"]
    assert words["pause"]["answer"] == "accepted"
    assert words["retry"]["answer"] == "refused"


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.json")), ids=lambda sample: sample.stem)
def test_every_fact_that_was_ever_recorded_has_a_sentence(sample: Path) -> None:
    stored = json.loads(sample.read_text(encoding="utf-8"))
    fact = decode_fact(json.dumps(stored["fact"]), stored["format"])
    told = timeline_entry(Recorded(1, Entry(StreamName("web-1/svc-1#1"), 1, OPENED, "ann", fact), "0" * 64))
    assert told.sentence.partition(": ")[2]
    assert "\n" not in told.sentence
    assert told.kind == stored["fact"]["type"] or stored["format"] != FORMAT

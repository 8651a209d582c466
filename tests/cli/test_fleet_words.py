"""Words about a whole fleet from a terminal: freezes, approvals, amendments, and what `why` and `get` say of waves."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from rollout.cli.actor import actor

Invoke = Callable[..., Result]
Take = Callable[[int], list[str]]
WritePolicy = Callable[..., Path]

BRIEFLY = ("--wait", "100ms")


class Terminal:
    """One state directory, a policy, and everything in one process: nobody runs beside it."""

    def __init__(self, folder: Path, invoke: Invoke, write: WritePolicy, endpoint: str) -> None:
        self.policy = folder / "policy.yaml"
        self.write = write
        self._invoke = invoke
        self._endpoint = endpoint
        self._state = folder / "state"
        self._config = folder / "rollout.toml"
        self._config.write_text("[groups]\nleads = []\n")

    def groups(self, text: str) -> None:
        self._config.write_text(f"[groups]\n{text}\n")

    def more(self, text: str) -> None:
        self.policy.write_text(self.policy.read_text() + text)

    def run(self) -> Result:
        where = ("--endpoint", self._endpoint, "--state", self._state, "--config", self._config)
        return self._invoke("run", "-f", self.policy, *where)

    def say(self, *words: str) -> Result:
        return self._invoke(*words, "--reason", "because", "--state", self._state, *BRIEFLY)

    def ask(self, *words: str) -> Result:
        return self._invoke(*words, "--state", self._state)


@pytest.fixture
def terminal(tmp_path: Path, invoke: Invoke, policy: WritePolicy, endpoint: str) -> Terminal:
    return Terminal(tmp_path, invoke, policy, endpoint)


def test_a_freeze_begins_nothing_until_an_unfreeze_and_why_says_whose_it_is(terminal: Terminal, take: Take) -> None:
    (service,) = take(1)
    terminal.write([service], rollout="frozen-1")
    terminal.more("windows: ['Mon-Sun 00:00-24:00 UTC']\n")
    assert terminal.say("freeze", "--for", "1h").exit_code == 1  # there is no state directory yet
    (other,) = take(1)
    terminal.write([other], rollout="first-1")
    assert terminal.run().exit_code == 0
    waits = terminal.say("freeze")
    assert (waits.exit_code, "is answered when `rollout run` goes on" in waits.stderr) == (69, True)
    terminal.write([service], rollout="frozen-1")
    frozen = terminal.run()
    assert frozen.exit_code == 4
    why = terminal.ask("why", f"frozen-1/{service}").stdout
    assert f"{service} is queued and waits for the freeze by {actor()} to be lifted: because, since " in why
    assert f"; frozen by {actor()}: because" in terminal.ask("get", "frozen-1").stdout
    assert terminal.say("unfreeze").exit_code == 69
    assert terminal.run().exit_code == 0


def test_an_approval_is_for_somebody_else_and_a_group_without_people_is_refused_beforehand(
    terminal: Terminal, take: Take
) -> None:
    services = take(2)
    terminal.write(services, rollout="approved-1")
    terminal.more("approve: {by: leads}\n")
    refused = terminal.run()
    assert refused.exit_code == 6
    assert "`approve.by` names the group leads, and nobody is in it: add it to [groups]" in refused.stderr
    terminal.groups(f'leads = ["{actor()}"]')
    assert terminal.run().exit_code == 4
    why = terminal.ask("why", f"approved-1/{services[0]}").stdout
    assert f"{services[0]} is queued and waits for leads to approve the rollout, until 20" in why
    shown = terminal.ask("get", "approved-1").stdout
    assert "waits for leads to approve the rollout, until 20" in shown
    known = json.loads(terminal.ask("get", "approved-1", "-o", "json").stdout)
    assert f"approve says yes to plan {known['plan'][:12]}" in shown
    assert [(each["name"], each["state"], each["services"]) for each in known["waves"]] == [("rest", "not open", 2)]
    assert [(each["scope"], each["standing"]) for each in known["approvals"]] == [("", "pending")]
    assert terminal.say("approve", "approved-1").exit_code == 69
    assert terminal.say("reject", "approved-1", "--wave", "x").exit_code == 69
    assert terminal.run().exit_code == 4
    own = terminal.say("approve", "approved-1", "--key", "k1", "-o", "json")
    assert (own.exit_code, json.loads(own.stdout)["kind"]) == (69, "unanswered")
    terminal.run()
    told = terminal.say("approve", "approved-1", "--key", "k1", "--plan", "x")
    assert (told.exit_code, "was used for another command" in told.stderr) == (6, True)


def test_an_amendment_is_shown_before_it_is_asked_for_and_more_than_terms_is_refused(
    terminal: Terminal, take: Take
) -> None:
    services = take(2)
    terminal.write(services, rollout="amended-1")
    terminal.more("approve: {by: leads}\n")
    terminal.groups(f'leads = ["{actor()}"]')
    assert terminal.run().exit_code == 4
    words = ("amend", "amended-1", "-f", str(terminal.policy))
    same = terminal.say(*words, "--yes")
    assert (same.exit_code, same.stderr.splitlines()[0]) == (69, "nothing differs")
    unasked = terminal.say(*words, "--set", "timeout=3h")
    assert unasked.exit_code == 64
    assert unasked.stderr.splitlines()[0].startswith("wave ")
    assert "timeout_s" in unasked.stderr
    beyond = terminal.say(*words, "--set", "change.upgrade.label=other")
    assert beyond.exit_code == 6
    assert "can be amended in timing, health and caps only" in beyond.stderr
    assert "what is done to" in beyond.stderr
    assert terminal.say("amend", f"amended-1/{services[0]}", "-f", str(terminal.policy)).exit_code == 64
    assert terminal.say(*words, "--set", "timeout=3h", "--yes").exit_code == 69
    assert terminal.run().exit_code == 4
    assert terminal.run().exit_code == 6, "the policy of the file is not the one it was amended to"
    assert "amended " in terminal.ask("get", "amended-1").stdout
    report = json.loads(terminal.ask("report", "amended-1", "-o", "json").stdout)
    assert ['"timeout_s": 10800' in each["text"] for each in report["policies"]] == [False, True]
    assert '+ "timeout_s": 10800' in report["policies"][1]["diff"]
    blank = terminal.ask(*words, "--reason", " ")
    assert (blank.exit_code, "--reason is empty" in blank.stderr) == (64, True)
    assert terminal.ask("freeze", "--reason", " ").exit_code == 64


def test_a_second_rollout_of_the_same_services_is_told_whose_they_are(terminal: Terminal, take: Take) -> None:
    services = take(1)
    terminal.write(services, rollout="owner-1")
    terminal.more("approve: {by: leads}\n")
    terminal.groups(f'leads = ["{actor()}"]')
    assert terminal.run().exit_code == 4
    terminal.write(services, rollout="other-1")
    refused = terminal.run()
    assert refused.exit_code == 6
    assert f"other-1 wants what another rollout has: owner-1, which is not over, has {services[0]}" in refused.stderr
    terminal.more("on_conflict: queue\n")
    queued = terminal.run()
    assert queued.exit_code == 4
    assert f"{services[0]} is queued and waits for owner-1 to be done with it" in terminal.ask("why", "other-1").stdout

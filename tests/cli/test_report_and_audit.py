"""`rollout report` and `rollout audit` over a state directory of a real run."""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from rollout.journal.codec import GENESIS

Invoke = Callable[..., Result]
Take = Callable[[int], list[str]]
WritePolicy = Callable[..., Path]
SECRET = "https://store.example/web.cspkg?sig=0123456789abcdef"  # noqa: S105 - shaped like one


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept") / "state"


@pytest.fixture
def state(*, invoke: Invoke, policy: WritePolicy, take: Take, endpoint: str, tmp_path: Path, kept: Path) -> Path:
    """A state directory of its own for each test, all copied from one run."""
    if not kept.exists():
        ran = invoke("run", "-f", policy(take(2)), "--endpoint", endpoint, "--state", kept)
        assert ran.exit_code == 0, ran.output
    return Path(shutil.copytree(kept, tmp_path / "state"))


def journal_of(state: Path) -> Path:
    (found,) = state.glob("*.sqlite")
    return found


def test_a_report_is_one_page_or_one_document(invoke: Invoke, state: Path, tmp_path: Path) -> None:
    html = invoke("report", "web-2.4.1", "--state", state)
    assert html.exit_code == 0, html.output
    assert html.stdout.startswith("<!doctype html>\n<html")
    assert html.stdout.endswith("</html>\n")
    told = json.loads(invoke("report", "web-2.4.1", "-o", "json", "--state", state).stdout)
    assert told["version"] == 1
    assert told["rollout"]["outcome"] == "succeeded"
    assert [line["outcome"] for line in told["services"]] == ["succeeded", "succeeded"]
    assert sorted(told["expected"]) == sorted(line["service"] for line in told["services"])
    assert told["expected_finish_at"] > told["rollout"]["opened_at"]
    file = tmp_path / "report.json"
    written = invoke("report", "web-2.4.1", "--out", file, "--state", state)
    assert (written.exit_code, written.stdout) == (0, "")
    assert json.loads(file.read_text())["chain"] == told["chain"]
    page = tmp_path / "report.html"
    assert invoke("report", "web-2.4.1", "--out", page, "--state", state).exit_code == 0
    assert page.read_text().startswith("<!doctype html>")


def test_a_report_of_what_is_not_there_is_a_mistake_of_usage(invoke: Invoke, state: Path) -> None:
    told = invoke("report", "web-2.4.2", "--state", state)
    assert told.exit_code == 64
    assert "did you mean web-2.4.1?" in told.stderr


def test_the_chain_of_an_untouched_journal_is_verified_with_links_noted_before(invoke: Invoke, state: Path) -> None:
    told = invoke("audit", "verify", "--state", state)
    assert told.exit_code == 0, told.output
    head = told.stdout.splitlines()[-1].removeprefix("head: ")
    report = json.loads(invoke("report", "web-2.4.1", "-o", "json", "--state", state).stdout)["chain"]
    noted = ("--head", head, "--head", f"{report['position']}:{report['chain']}")
    again = invoke("audit", "verify", *noted, "--state", state)
    assert again.exit_code == 0
    assert "; 2 noted before agree\n" in again.stdout
    document = json.loads(invoke("audit", "verify", "-o", "json", "--state", state).stdout)
    assert f"{document['records']}:{document['head']}" == head


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE entries SET actor = 'eve' WHERE position = 5", "record 5 does not fit the hash chain"),
        ("UPDATE entries SET wall = wall + 1 WHERE position = 7", "record 7 does not fit the hash chain"),
        ("DELETE FROM entries WHERE position = 6", "record 6 is missing"),
        ("DELETE FROM entries WHERE position = (SELECT max(position) FROM entries)", "the last one written was"),
    ],
)
def test_a_journal_that_was_touched_is_told_by_its_first_record_that_does_not_fit(
    invoke: Invoke, state: Path, damage: str, said: str
) -> None:
    with sqlite3.connect(journal_of(state)) as connection:
        connection.execute(damage)
    connection.close()
    told = invoke("audit", "verify", "--state", state)
    assert told.exit_code == 1
    assert said in told.stderr
    assert "Traceback" not in told.stderr


def test_a_whole_new_chain_does_not_have_the_link_that_was_noted_elsewhere(invoke: Invoke, state: Path) -> None:
    told = invoke("audit", "verify", "--head", f"3:{'0' * 64}", "--state", state)
    assert told.exit_code == 1
    assert "record 3 has the link " in told.stderr
    assert "is not the one that was written then" in told.stderr
    assert (
        "record 9999 is not there" in invoke("audit", "verify", "--head", f"9999:{'0' * 64}", "--state", state).stderr
    )
    for wrong in ("3", "x:1", f"3:{'g' * 64}"):
        assert invoke("audit", "verify", "--head", wrong, "--state", state).exit_code == 64


def links(lines: list[dict[str, Any]]) -> list[str]:
    """Compute the links anew, by what the help says and with none of our own code."""
    found, before = [], GENESIS
    for each in lines:
        numbers = f"{each['position']} {each['version']} {each['format']} {each['t']!r} {each['wall']!r}".encode()
        texts = [each[name].encode() for name in ("stream", "actor", "payload")]
        record = b"\n".join([numbers, *(str(len(text)).encode() + b":" + text for text in texts)])
        before = hashlib.sha256(before.encode() + b"\n" + record).hexdigest()
        found.append(before)
    return found


def test_an_export_can_be_checked_by_whoever_has_nothing_but_it(invoke: Invoke, state: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in invoke("audit", "export", "--state", state).stdout.splitlines()]
    assert [each["position"] for each in lines] == list(range(1, len(lines) + 1))
    assert not any(each["redacted"] for each in lines)
    assert links(lines) == [each["chain"] for each in lines]
    file = tmp_path / "export.jsonl"
    told = invoke("audit", "export", "web-2.4.1", "--out", file, "--state", state)
    assert (told.exit_code, told.stdout) == (0, "")
    assert len(file.read_text().splitlines()) == len(lines)
    assert invoke("audit", "export", "web-2", "--state", state).stdout == ""


def test_an_export_leaves_out_what_looks_like_a_secret_and_says_so(invoke: Invoke, state: Path) -> None:
    with sqlite3.connect(journal_of(state)) as connection:
        payload = json.dumps({"type": "lost", "number": 1, "detail": SECRET})
        connection.execute("UPDATE entries SET payload = ? WHERE position = 4", (payload,))
    connection.close()
    out = invoke("audit", "export", "--state", state).stdout
    assert "0123456789abcdef" not in out
    lines = [json.loads(line) for line in out.splitlines()]
    assert [each["position"] for each in lines if each["redacted"]] == [4]
    assert json.loads(lines[3]["payload"])["type"] == "lost"

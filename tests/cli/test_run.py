"""`rollout run` against a real emulator process: exit codes, outputs, refusals that leave nothing behind."""

import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Invoke = Callable[..., Result]
Log = Callable[[str], list[tuple[str, int | None]]]
Take = Callable[[int], list[str]]
WritePolicy = Callable[..., Path]

WALKED = [("upgrade", None), ("walk", 0), ("walk", 1)]
FAILING = {"verb": "walk", "domain": 1, "effect": "fail"}


@pytest.fixture
def run(invoke: Invoke, endpoint: str, tmp_path: Path) -> Invoke:
    """Run a policy against the emulator, in a state directory of the test's own."""

    def call(policy: Path, *words: str, endpoint: str = endpoint) -> Result:
        return invoke("run", "-f", policy, "--endpoint", endpoint, "--state", tmp_path / "state", *words)

    return call


def entries(told: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.stdout.splitlines()]


def test_a_clean_run_is_0_and_walks_every_domain_in_order(
    run: Invoke, policy: WritePolicy, take: Take, log_of: Log
) -> None:
    services = take(2)
    told = run(policy(services))
    assert told.exit_code == 0, told.output
    assert [log_of(service) for service in services] == [WALKED, WALKED]
    assert told.stderr.splitlines()[-1] == "succeeded: 2 of 2 services run the new release."


def test_without_a_terminal_every_entry_is_a_line_of_json(run: Invoke, policy: WritePolicy, take: Take) -> None:
    lines = entries(run(policy(take(1))))
    assert [line["position"] for line in lines] == list(range(1, len(lines) + 1))
    assert lines[0]["kind"] == "rollout_opened"
    assert lines[-1]["kind"] == "rollout_closed"
    assert {"intended", "accepted", "gate_passed", "closed"} <= {line["kind"] for line in lines}


def test_a_finished_rollout_says_its_outcome_again_and_does_nothing(
    run: Invoke, policy: WritePolicy, take: Take, log_of: Log
) -> None:
    services = take(1)
    run(policy(services))
    again = run(policy(services))
    assert (again.exit_code, again.stdout) == (0, "")
    assert again.stderr.splitlines() == ["succeeded: 1 of 1 service runs the new release."]
    assert log_of(services[0]) == WALKED


def test_one_document_tells_the_whole_run(run: Invoke, policy: WritePolicy, take: Take) -> None:
    services = take(2)
    told = run(policy(services), "-o", "json")
    read = json.loads(told.stdout)
    assert (read["rollout"], read["outcome"], read["code"]) == ("web-2.4.1", "succeeded", 0)
    assert [each["service"] for each in read["services"]] == services
    assert {tuple(each["walked"]) for each in read["services"]} == {(0, 1)}
    assert f"{services[0]}: begins" in told.stderr


def test_a_table_without_a_terminal_is_words(run: Invoke, policy: WritePolicy, take: Take) -> None:
    services = take(1)
    told = run(policy(services), "-o", "table")
    assert told.stdout == "succeeded: 1 of 1 service runs the new release.\n"
    assert f"{services[0]}: succeeded: all 2 domains run the new release" in told.stderr
    assert "\x1b" not in told.output


def test_a_failure_beyond_the_tolerance_goes_back_and_is_3(
    run: Invoke, policy: WritePolicy, take: Take, faults: Callable[..., None], log_of: Log
) -> None:
    services = take(2)
    faults(FAILING | {"service": services[0]})
    told = run(policy(services, parallel=1))
    assert told.exit_code == 3, told.output
    assert log_of(services[0]) == [("upgrade", None), ("walk", 0), ("rollback", None)]
    assert log_of(services[1]) == []
    assert f"{services[0]} was rolled back because walk of domain 1 failed" in told.stderr
    assert "1 was not started" in told.stderr


@pytest.mark.parametrize(("words", "code"), [((), 0), (("--strict-exit",), 3)])
def test_a_tolerated_failure_is_0_unless_exits_are_strict(
    *, words: tuple[str, ...], code: int, run: Invoke, policy: WritePolicy, take: Take, faults: Callable[..., None]
) -> None:
    services = take(2)
    faults(FAILING | {"service": services[0]})
    told = run(policy(services, tolerance=1), *words)
    assert told.exit_code == code, told.output
    assert "succeeded with failures: 1 of 2 services runs the new release." in told.stderr


def test_a_failure_that_holds_for_a_person_is_4_and_stays_so(
    run: Invoke, policy: WritePolicy, take: Take, faults: Callable[..., None], log_of: Log
) -> None:
    services = take(1)
    faults(FAILING | {"service": services[0]})
    for _ in range(2):
        told = run(policy(services, on_failure="hold"))
        assert told.exit_code == 4, told.output
        assert f"{services[0]} held: walk of domain 1 failed" in told.stderr
    assert log_of(services[0]) == WALKED[:2]


def test_a_changed_policy_under_a_known_id_is_6_with_what_differs(run: Invoke, policy: WritePolicy, take: Take) -> None:
    services = take(1)
    assert run(policy(services)).exit_code == 0
    told = run(policy(services, stable="30ms"))
    assert told.exit_code == 6
    assert "web-2.4.1 is known with other documents" in told.stderr
    assert "30ms" in told.stderr


def test_set_overrides_a_field_of_the_policy(run: Invoke, policy: WritePolicy, take: Take) -> None:
    told = run(policy(take(1)), "--set", "rollout=web-9", "-o", "json")
    assert json.loads(told.stdout)["rollout"] == "web-9"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "nonsense"), "nonsense"),
        (("--endpoint", "ftp://localhost"), "expected https://HOST"),
        (("--endpoint", "http://management.example"), "http is for loopback hosts only"),
        (("--endpoint", "http://user:secret@localhost"), "credentials do not belong"),
    ],
)
def test_a_wrong_option_of_run_is_64(words: tuple[str, ...], said: str, run: Invoke, policy: WritePolicy) -> None:
    told = run(policy(["svc-0001"]), *words)
    assert told.exit_code == 64, told.output
    assert said in told.stderr
    assert "secret" not in told.stderr


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"parallel": "many"}, "policy.yaml:"),
        ({"on_failure": "panic"}, "on_failure"),
        ({"checks": ""}, "not supported yet"),
    ],
)
def test_a_bad_policy_is_65_and_says_where(fields: dict[str, Any], said: str, run: Invoke, policy: WritePolicy) -> None:
    told = run(policy(["svc-0001"], **fields))
    assert told.exit_code == 65, told.output
    assert said in told.stderr
    assert told.stdout == ""


def test_a_policy_that_is_not_there_is_65(run: Invoke, tmp_path: Path) -> None:
    told = run(tmp_path / "absent.yaml")
    assert told.exit_code == 65
    assert "absent.yaml" in told.stderr


def test_a_service_that_is_not_there_is_65_and_nothing_is_begun(
    run: Invoke, policy: WritePolicy, take: Take, log_of: Log
) -> None:
    services = take(1)
    told = run(policy([*services, "svc-9999"]))
    assert told.exit_code == 65
    assert "svc-9999" in told.stderr
    assert log_of(services[0]) == []


class Html(http.server.BaseHTTPRequestHandler):
    """A web server that is not the API."""

    def do_GET(self) -> None:
        body = b"<html><body>Welcome to nginx</body></html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def html() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Html) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def closed_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("wrong", ["html", "closed_port"])
def test_an_endpoint_that_is_not_the_api_is_69_and_leaves_nothing_half_begun(
    *,
    wrong: str,
    run: Invoke,
    policy: WritePolicy,
    take: Take,
    log_of: Log,
    request: pytest.FixtureRequest,
) -> None:
    services = take(1)
    url = request.getfixturevalue(wrong)
    told = run(policy(services), "--request-timeout", "2s", endpoint=url)
    assert told.exit_code == 69, told.output
    assert url.removeprefix("http://") in told.stderr
    assert told.stdout == ""
    assert log_of(services[0]) == []
    # Had the rollout been opened, another policy under its id would be refused.
    assert run(policy(services, stable="30ms")).exit_code == 0


def test_a_state_directory_in_use_is_75(run: Invoke, policy: WritePolicy, take: Take, tmp_path: Path) -> None:
    from rollout.journal.state import StateDirectory

    services = take(1)
    with StateDirectory.open(tmp_path / "state", command="rollout run", started_wall=0.0):
        told = run(policy(services))
    assert told.exit_code == 75, told.output
    assert str(tmp_path / "state") in told.stderr


def test_a_state_directory_that_is_a_file_is_refused(run: Invoke, policy: WritePolicy, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("not a directory")
    assert run(policy(["svc-0001"])).exit_code == 64

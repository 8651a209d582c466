"""`rollout token`: seen once on stdout, listed without what it is, revoked by id or name."""

import json
from pathlib import Path

from click.testing import CliRunner

from rollout.cli.main import cli
from rollout.daemon.auth.tokens import open_tokens


def test_a_token_is_made_listed_and_revoked(tmp_path: Path) -> None:
    state, run = tmp_path / "state", CliRunner()
    made = run.invoke(cli, ["token", "create", "ann", "--role", "operator", "--for", "1h", "--state", str(state)])
    token = made.stdout.strip()
    person = open_tokens(state).find(token)
    assert person is not None
    assert person.name == "ann"
    listed = run.invoke(cli, ["token", "list", "--state", str(state), "-o", "json"])
    assert token not in listed.output
    (told,) = json.loads(listed.stdout)
    assert (told["name"], told["roles"], told["expires"] is None) == ("ann", ["operator"], False)
    gone = run.invoke(cli, ["token", "revoke", told["id"], "--state", str(state)])
    assert gone.stdout == f"revoked {told['id']} of ann\n"
    assert open_tokens(state).find(token) is None
    assert run.invoke(cli, ["token", "revoke", "ann", "--state", str(state)]).exit_code == 64


def test_a_token_for_nobody_is_refused(tmp_path: Path) -> None:
    asked = CliRunner().invoke(cli, ["token", "create", "policy", "--role", "admin", "--state", str(tmp_path / "s")])
    assert asked.exit_code == 64
    assert "name a person" in asked.output

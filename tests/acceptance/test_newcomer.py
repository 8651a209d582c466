"""A newcomer's five minutes: the demo, a daemon over an emulated fleet, a policy of one's own, and words to it."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
import structlog
from click.testing import CliRunner

from rollout.cli.main import cli

ROLLOUT = Path(sys.executable).parent / "rollout"
SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
SECONDS_MAX = 60.0
NOWHERE: Mapping[str, str] = MappingProxyType({})

POLICY = """\
rollout: mine-1
change:
  upgrade:
    package: https://relstore.blob.example/packages/mine.cspkg
    configuration: mine.cscfg
fleet:
  subscription: 00000000-0000-4000-8000-000000000001
  services: {svc-0001: {}, svc-0002: {}, svc-0003: {tags: {shaky: true}}}
waves:
  - {name: first, select: svc-0001}
  - {name: more, select: svc-0002, approve: {by: leads, within: 1h}}
  - {name: rest, select: rest, walk: {bake_before_last: 1m}}
health: {stable_duration: 200ms, retry_timeout: 5s, interval: 100ms}
walk: {bake_before_last: 0s, domain_timeout: 1m}
"""
CSCFG = """\
<ServiceConfiguration serviceName="mine" xmlns="http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceConfiguration">
  <Role name="WebRole1"><Instances count="5"/></Role>
</ServiceConfiguration>
"""


class Shell:
    """A terminal in a folder of one's own. What stays is a process; the verbs run in this one, which is quicker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ROLLOUT_")}
        self.environment = kept | {"HOME": str(folder), "XDG_STATE_HOME": ""}

    def run(self, line: str, here: Mapping[str, str] = NOWHERE, *, code: int = 0) -> str:
        done = CliRunner(env=dict(here)).invoke(cli, line.split())
        assert done.exit_code == code, f"rollout {line}: {done.exit_code}\n{done.output}"
        return done.stdout

    @contextlib.contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(  # noqa: S603 - our own program
            [ROLLOUT, *words],
            cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        ) as process:  # fmt: skip
            try:
                yield process
            finally:
                process.kill()


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("ROLLOUT_")]:
        monkeypatch.delenv(name)
    yield Shell(tmp_path)
    structlog.reset_defaults()


def line_of(process: subprocess.Popen[str], pattern: str) -> str:
    """Wait for a line that has this, and give its first group."""
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(pattern, line):
            return found[1]
    raise AssertionError(f"it ended without a line like {pattern}")


@pytest.mark.timeout(120)
def test_five_minutes_of_a_newcomer(shell: Shell) -> None:
    with shell.started("demo") as demo:
        dashboard = line_of(demo, r"dashboard, while it lasts: (http://127\.0\.0\.1:\d+)/ui/#ticket=")
        with urllib.request.urlopen(f"{dashboard}/healthz", timeout=10) as page:  # noqa: S310 - our own loopback URL
            assert page.status == 200
        demo.send_signal(signal.SIGINT)
        assert "nothing else was touched" in (demo.stdout.read() if demo.stdout else "")
    assert demo.returncode == 130

    shell.run(f"init --subscription {SUBSCRIPTION} --endpoint http://127.0.0.1:10080 --offline")
    settings = shell.folder / "rollout.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + '\n[groups]\nleads = ["bob"]\n', encoding="utf-8")
    (shell.folder / "mine.yaml").write_text(POLICY, encoding="utf-8")
    (shell.folder / "mine.cscfg").write_text(CSCFG, encoding="utf-8")
    assert "mine.yaml" in shell.run("validate mine.yaml")

    serving = ("daemon", "--emulate", "--listen", "127.0.0.1:0", "--state", "state", "--time-scale", "1500")
    with shell.started(*serving) as daemon:
        here = {"ROLLOUT_URL": line_of(daemon, r"listening on (\S+)"), "ROLLOUT_STATE": "state"}
        a_rollout_of_ones_own(shell, here)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(SECONDS_MAX) == 0

    assert "mine-1: " in shell.run("list --state state")
    shell.run("why mine-1 --state state")


def a_rollout_of_ones_own(shell: Shell, here: dict[str, str]) -> None:
    """Apply, pause, look, go on, approve, roll one service back, and read what happened."""
    shell.run("apply -f mine.yaml", here)
    shell.run("pause mine-1/svc-0003 --reason lunch", here)
    assert "lunch" in shell.run("why mine-1/svc-0003", here)
    shell.run("wait mine-1 --timeout 50s", here, code=4)
    shell.run("resume mine-1/svc-0003 --reason back", here)

    assert "for leads to approve wave more" in shell.run("wait mine-1 --until approval --timeout 50s", here)
    shell.run("approve mine-1 --reason mine", here, code=6)
    bob = shell.run("token create bob --role approver", here).strip().splitlines()[-1]
    shell.run("approve mine-1 --wave more --reason looks-good", here | {"ROLLOUT_TOKEN": bob})
    shell.run("wait mine-1 --until wave:more --timeout 50s", here)

    shell.run("rollback mine-1 --select tag:shaky --reason shaky", here)
    shell.run("wait mine-1 --timeout 50s", here, code=7)
    rows = json.loads(shell.run("get mine-1 -o json", here))["services"]
    assert [row["outcome"] for row in rows[:2]] == ["succeeded", "succeeded"]
    assert rows[2]["outcome"] in {"rolled_back", "cancelled"}
    shell.run("report mine-1 --out report.html", here)
    page, said = (shell.folder / "report.html").read_text(encoding="utf-8"), shell.run("events mine-1", here)
    for words in ("lunch", "is approved by bob: looks-good", "shaky"):
        assert words in said
        assert words.rpartition(" ")[2] in page

"""A small valid policy on disk, and ways to spoil it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rollout.errors import PolicyError
from rollout.policy.bundle import Bundle
from rollout.policy.load import load_policy

POLICY = """\
rollout: web-1
change:
  upgrade:
    package: https://relstore.blob.example/web-1.cspkg
    configuration: configs/{service}.cscfg
fleet: fleet.yaml
"""
FLEET = """\
subscription: 00000000-0000-4000-8000-000000000001
services:
  web-01: {tags: {region: weu}}
  web-02:
"""
CSCFG = """\
<ServiceConfiguration xmlns="http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceConfiguration">
  <Role name="WebRole1"><Instances count="5"/></Role>
</ServiceConfiguration>
"""


class Folder:
    """A folder with a policy, its fleet and its configurations."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.policy = path / "policy.yaml"
        self.write("policy.yaml", POLICY)
        self.write("fleet.yaml", FLEET)
        self.write("configs/web-01.cscfg", CSCFG)
        self.write("configs/web-02.cscfg", CSCFG)

    def write(self, name: str, text: str | bytes) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    def load(self, more: str = "", *sets: str) -> Bundle:
        """Load the policy with more lines at its end."""
        self.write("policy.yaml", self.policy.read_text() + more)
        return load_policy(self.policy, sets=sets)

    def wrong(self, more: str = "", *sets: str) -> list[str]:
        """Give all problems, without the folder's name."""
        with pytest.raises(PolicyError) as caught:
            self.load(more, *sets)
        assert caught.value.exit_code == 65
        return [line.replace(f"{self.path}/", "") for line in str(caught.value).splitlines()]

    def replace(self, old: str, new: str) -> None:
        text = self.policy.read_text()
        assert old in text
        self.policy.write_text(text.replace(old, new))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def reading() -> Callable[[bytes], list[str]]:
    """Give the problems of a text read as YAML."""
    from rollout.policy.yaml import read_yaml

    def problems(data: bytes) -> list[str]:
        with pytest.raises(PolicyError) as caught:
            read_yaml(data, "p.yaml")
        return str(caught.value).splitlines()

    return problems

"""Settings files on disk, as a person would have written them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rollout.errors import PolicyError
from rollout.settings.load import Loaded, load_settings

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write `rollout.toml` with a mode and give its path."""

    def settings(text: str, mode: int = 0o600) -> Path:
        file = tmp_path / "rollout.toml"
        file.write_text(text.replace("{id}", SUBSCRIPTION), encoding="utf-8")
        file.chmod(mode)
        return file

    return settings


@pytest.fixture
def loaded(write: Callable[..., Path]) -> Callable[..., Loaded]:
    """Load a text, with an environment of its own."""
    return lambda text="", flags=None, **environ: load_settings(str(write(text)), flags=flags, environ=environ)


@pytest.fixture
def refused(write: Callable[..., Path]) -> Callable[..., list[str]]:
    """Load a text that is wrong, and give its problems as people see them, without the folder."""

    def problems(text: str, mode: int = 0o600, **environ: str) -> list[str]:
        file = write(text, mode)
        with pytest.raises(PolicyError) as caught:
            load_settings(str(file), environ=environ)
        assert caught.value.exit_code == 65
        return [str(problem).replace(f"{file.parent}/", "") for problem in caught.value.problems]

    return problems

"""The page about the emulator lists exactly what there is, with the right defaults."""

import re
from pathlib import Path

import pytest

from rollout.emulator import faults, knobs, strangers
from rollout.emulator.knobs import READ_VERBS, Knobs, Throttling
from rollout.platforms.classic.vocabulary import Verb

PAGE = (Path(knobs.__file__).parent / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found.group(1)


def rows(title: str) -> dict[str, list[str]]:
    """Give a section's table by the name in its first column."""
    cells = [line.strip("|").split("|") for line in section(title).splitlines() if line.startswith("| `")]
    return {first.strip().strip("`"): [cell.strip() for cell in rest] for first, *rest in cells}


def test_the_page_lists_exactly_the_knobs_there_are() -> None:
    assert sorted(rows("Knobs")) == sorted(Knobs.model_fields)


@pytest.mark.parametrize("name", list(Knobs.model_fields))
def test_the_first_value_of_each_knob_is_its_default_and_a_source_is_given(name: str) -> None:
    values, meaning, source = rows("Knobs")[name]
    default = getattr(Knobs(), name)
    shown = "drawn" if default is None else f"{default:g}" if isinstance(default, float) else str(default)
    shown = "{}" if default == Throttling() else shown
    assert values.split(",")[0] == (shown.lower() if isinstance(default, bool) else shown)
    assert meaning
    assert source


def test_the_page_lists_exactly_the_effects_of_faults_there_are() -> None:
    assert sorted(rows("Faults")) == sorted(effect.value for effect in faults.Effect)


def test_the_page_lists_exactly_the_effects_of_strangers_there_are() -> None:
    assert sorted(rows("Strangers")) == sorted(act.value for act in strangers.Act)


def test_the_page_names_every_verb() -> None:
    named = set(re.findall(r"[a-z_]+", section("Faults")))
    assert {verb.value for verb in Verb} | READ_VERBS <= named


def test_the_page_lists_exactly_the_control_endpoints_there_are() -> None:
    source = (Path(knobs.__file__).parent / "control.py").read_text(encoding="utf-8")
    served = {f"{verb.upper()} {path}" for verb, path in re.findall(r"router\.add_(get|put)\(\"([^\"]+)\"", source)}
    assert set(rows("Control")) == served


def test_the_page_names_every_option_about_access() -> None:
    for option in ("--tls-cert", "--tls-key", "--client-ca", "--token", "--redirect-port"):
        assert f"`{option}" in section("Access")

"""The subjects of the bench, in the order in which `all` measures them."""

import importlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Final

from bench.machine import Machine, load
from bench.report import RESULTS, Report
from bench.setting import QUICK, Setting

SUBJECTS: Final = ("limit", "peers", "track", "adaptive", "journal", "recover", "fleet", "api", "waves", "plan", "ui")
"""Each is a module with TITLE, COLUMNS and `run(setting, report)`."""


def measure(
    subject: str, setting: Setting, machine: Machine, *, monotonic: Callable[[], float], folder: Path = RESULTS
) -> Report:
    """Measure one subject, write its JSON, and give its report."""
    module = _module(subject)
    began_s = monotonic()
    report = Report(
        subject=subject,
        title=module.TITLE,
        began=datetime.now(UTC).isoformat(timespec="seconds"),
        quick=setting.size is QUICK,
        machine=machine,
        columns=module.COLUMNS,
    )
    module.run(setting, report)
    report.load_after, report.seconds = load(), round(monotonic() - began_s, 1)
    report.write(folder)
    return report


def _module(subject: str) -> ModuleType:
    return importlib.import_module(f"bench.{subject}")

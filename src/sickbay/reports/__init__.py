"""One diagnosis, many renderings."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sickbay import snapshot as snapshots
from sickbay.diagnosis import Diagnosis
from sickbay.reports import allure, terminal

if TYPE_CHECKING:
    from sickbay.run import RunState

__all__ = ["terminal", "write"]

_OURS = "diagnosis.json"
"""What every folder of reports holds."""


def write(folder: Path, run: RunState, diagnosis: Diagnosis) -> Path | None:
    """Write every report of a run to ``folder/<time>/`` and let ``folder/latest`` point there.

    A report that cannot be written does not keep back the others: what went wrong is added to
    ``run.unwritten``, a line each. Returns the run's folder, None where none could be made. Earlier
    runs are left alone. Files get the permissions that the process's umask gives.
    """
    stamp = diagnosis.run.started.replace(":", "").replace("-", "").split("+")[0]
    try:
        home = _new_folder(folder, stamp)
    except OSError as error:
        run.unwritten.append(f"no reports were written: {error}")
        return None
    for name, make in _writers(home, run, diagnosis).items():
        try:
            make()
        except Exception as error:  # noqa: BLE001 (whatever a renderer stumbles over, the others are wanted)
            run.unwritten.append(f"{name} could not be written: {type(error).__name__}: {error}")
    try:
        _point(folder / "latest", home)
    except OSError as error:
        run.unwritten.append(f"latest does not point to {home.name}: {error}")
    return home


def _writers(home: Path, run: RunState, diagnosis: Diagnosis) -> dict[str, Callable[[], object]]:
    """How each report is written, the most important first: a disk may fill up half-way."""

    def as_json() -> None:
        data = msgspec.json.format(msgspec.json.encode(diagnosis), indent=1)
        (home / _OURS).write_bytes(data + b"\n")

    def as_snapshot() -> None:
        if run.snapshot is not None:
            snapshots.save(home / "snapshot.json", run.inventory, run.snapshot, run.redactor)

    # Each is imported when it is its turn: one that cannot be does not keep back the others either.
    def as_html() -> None:
        from sickbay.reports import html  # noqa: PLC0415

        (home / "report.html").write_text(html.render(diagnosis), encoding="utf-8")

    def as_markdown() -> None:
        from sickbay.reports import markdown  # noqa: PLC0415

        (home / "report.md").write_text(markdown.render(diagnosis), encoding="utf-8")

    def as_junit() -> None:
        from sickbay.reports import junit  # noqa: PLC0415

        (home / "junit.xml").write_bytes(junit.render(diagnosis))

    def as_allure() -> None:
        if allure.installed():
            allure.write(home / "allure-results", diagnosis)

    return {
        _OURS: as_json,
        "snapshot.json": as_snapshot,
        "report.html": as_html,
        "report.md": as_markdown,
        "junit.xml": as_junit,
        "allure-results": as_allure,
    }


def _new_folder(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, 1000):
        home = folder / (name if number == 1 else f"{name}-{number}")
        try:
            home.mkdir()
        except FileExistsError:
            continue
        return home
    raise FileExistsError(folder / name)


def _point(latest: Path, home: Path) -> None:
    """Let ``latest`` be the run in ``home``, in one step; a copy where there are no symbolic links."""
    fresh, outdated = (latest.with_name(f".{word}-{home.name}") for word in ("latest", "outdated"))
    try:
        fresh.symlink_to(home.name)
    except OSError:
        shutil.copytree(home, fresh)
    is_folder = latest.is_dir() and not latest.is_symlink()
    if fresh.is_symlink() and not is_folder:
        fresh.replace(latest)
        return
    # An earlier run may have left a copy; any other folder of that name is not ours to touch.
    if is_folder and not (latest / _OURS).is_file():
        _remove(fresh)
        raise FileExistsError(f"{latest} is a folder that no run has made")
    if is_folder or latest.is_symlink():
        latest.rename(outdated)
    fresh.rename(latest)
    _remove(outdated)


def _remove(path: Path) -> None:
    if path.is_symlink():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)

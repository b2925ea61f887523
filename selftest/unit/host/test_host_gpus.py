"""NVIDIA's GPUs: what their tool prints, and what is made of it beside the declared."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lab.worlds.hosts_gpus import STAND_IN
from selftest.unit.host.test_host_parsers import recorded, sectioned, told, value
from sickbay.errors import Denied, NotApplicable, Unsupported
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.facts import gpus
from sickbay.targets.host.facts.gpus import (
    Gpu,
    GpuProcess,
    Gpus,
    card_count,
    driver_cuda,
    must_tell_memory,
    unit_on_gpu,
    visible_cards,
)

MIB = 2**20
HEAD = "| NVIDIA-SMI 535.161.07   Driver Version: 535.161.07   CUDA Version: 12.2     |"
CARD = "Tesla T4, 455, 15360, 535.161.07"


def answer(
    head: str = HEAD,
    cards: str = CARD,
    processes: str = "7, 452",
    groups: str = "/proc/7/cgroup:0::/system.slice/shop.service",
    status: tuple[int, int, int] = (0, 0, 0),
) -> str:
    """What the script prints."""
    return sectioned(
        tool="/usr/bin/nvidia-smi",
        head=f"{status[0]}\n{head}",
        cards=f"{status[1]}\n{cards}",
        processes=f"{status[2]}\n{processes}",
        groups=groups,
        end="",
    )


def read(**changed: Any) -> Gpus:
    found = told("gpus", answer(**changed))
    assert found.gap is None, found.gap
    assert isinstance(found.value, Gpus)
    return found.value


def host(**gpu: Any) -> HostEntry:
    return HostEntry(gpu={"used_by": "shop", **gpu})


def test_gpus_debian_tell_of_card_driver_and_unit() -> None:
    """Memory in bytes; the process by its unit."""
    found = value("gpus.debian")
    assert (found.tool, found.installed, found.failure) == ("/usr/local/bin/nvidia-smi", True, "")
    assert found.cuda == "12.2"
    (card,) = found.cards
    assert (card.card, card.driver) == ("0 Tesla T4", "535.161.07")
    assert (card.used, card.total) == (455 * MIB, 15360 * MIB)
    assert card.used_fraction == pytest.approx(0.0296, abs=0.0001)
    assert [(one.used, one.unit) for one in found.processes] == [(452 * MIB, "shop-app.service")]
    assert not found.hides_processes


def test_gpus_that_break_off_are_unreadable() -> None:
    """The process that comes last may be the one that is missed."""
    whole = recorded("gpus.debian")
    assert told("gpus", whole[: whole.index("==sickbay== end")]).gap is not None


def test_gpus_of_a_host_that_declares_none_are_not_asked_for() -> None:
    """Nor where the inventory says 0."""
    assert gpus._script(HostEntry(), {}) is None
    assert gpus._script(HostEntry(gpu={"count": 0}), {}) is None
    assert told("gpus", "").absent is not None


@pytest.mark.parametrize(
    ("changed", "failure"),
    [
        ({"status": (9, 9, 9), "head": "NVIDIA-SMI has failed because it couldn't communicate"},
         "NVIDIA-SMI has failed because it couldn't communicate"),
        ({"status": (18, 18, 18), "head": "Failed to initialize NVML: Driver/library version mismatch"},
         "Failed to initialize NVML: Driver/library version mismatch"),
        ({"status": (124, 0, 0), "head": ""}, "exit status 124"),
        ({"status": (0, 15, 0), "cards": "Unable to determine the device handle\nfor GPU 0"},
         "Unable to determine the device handle for GPU 0"),
        ({"cards": "Tesla T4, [GPU is lost], 15360, 535.161.07"}, "[GPU is lost]"),
        ({"cards": "[Unknown Error], 1, 15360, 535.161.07"}, "[Unknown Error]"),
    ],
)  # fmt: skip
def test_gpus_driver_that_fails_shows_no_cards(changed: dict[str, Any], failure: str) -> None:
    """That is a finding, and no reason to know nothing."""
    found = read(**changed)
    assert (found.failure, found.cards) == (failure, ())
    seen = card_count(host(), found)
    assert (seen.visible, seen.wanted, seen.said) == (0, 1, failure)


@pytest.mark.parametrize("status", [0, 6])
def test_gpus_without_devices_are_none(status: int) -> None:
    """The driver works, and has nothing to drive."""
    found = read(head="No devices were found", status=(status, status, status))
    assert (found.installed, found.failure, found.cards) == (True, "", ())


def test_gpus_without_the_tool_are_none() -> None:
    """A GPU that is declared and cannot be seen is not there, for whatever reason."""
    found = told("gpus", sectioned(tool="", end="")).value
    assert not found.installed
    assert card_count(host(), found).visible == 0


def test_gpus_that_may_not_be_seen_are_denied() -> None:
    """Who has no right to the devices knows nothing of them."""
    gap = told("gpus", answer(head="Failed to initialize NVML: Insufficient Permissions", status=(4, 4, 4))).gap  # fmt: skip
    assert gap is not None
    assert gap.reason == "denied"


@pytest.mark.parametrize(
    "broken",
    [
        {"head": "nothing"},
        {"cards": "Tesla T4, 455, 15360"},
        {"cards": "Tesla T4, many, 15360, 535"},
        {"cards": "Tesla T4, -4, 15360, 535"},
        {"processes": "7"},
        {"processes": "x, 4"},
        {"processes": "7, 99999999999999999999"},
        {"groups": "/proc/7/cgroup:nonsense"},
    ],
)
def test_gpus_that_make_no_sense_are_unreadable(broken: dict[str, str]) -> None:
    """A garbled number is not a healthy one."""
    assert told("gpus", answer(**broken)).gap is not None


def test_gpus_card_with_a_comma_in_its_name_is_read() -> None:
    """Names are NVIDIA's, or a virtual machine's."""
    assert read(cards="GRID, 8Q, 1, 2, 535.1").cards[0].card == "0 GRID, 8Q"


def test_gpus_processes_of_nobody_known_have_no_unit() -> None:
    """It has ended since, or belongs to a login."""
    groups = "/proc/8/cgroup:9:name=systemd:/user.slice\n/proc/8/cgroup:0::/"
    found = read(processes="7, 452\n8, 1", groups=groups)
    assert [one.unit for one in found.processes or ()] == ["", ""]
    use = unit_on_gpu(host(), found)
    assert (use.processes, use.others) == (0, ("process 7", "process 8"))


def test_gpus_process_on_two_cards_is_one_and_holds_both() -> None:
    """The tool tells of it once for each card."""
    found = read(cards=f"{CARD}\n{CARD}", processes="7, 452\n7, 100")
    use = unit_on_gpu(host(memory="1 GiB"), found)
    assert (use.processes, use.held, use.cards_have) == (1, 552 * MIB, 2 * 15360 * MIB)


def test_gpus_that_tell_nothing_of_processes_or_memory_are_unsupported() -> None:
    """Old cards, and parts of one, do not; that is no sign of health."""
    silent = read(processes="[Not Supported], [Not Supported]")
    with pytest.raises(Unsupported):
        unit_on_gpu(host(), silent)
    with pytest.raises(Unsupported, match="the card has"):
        must_tell_memory(host(), read(cards="A100, [Insufficient Permissions], [N/A], 535.1"))
    with pytest.raises(Unsupported, match="a process holds"):
        must_tell_memory(host(memory="1 GiB"), read(processes="7, [N/A]"))
    must_tell_memory(host(), read(processes="7, [N/A]"))


def test_gpus_processes_that_proc_hides_are_denied() -> None:
    """Whose they are cannot be told; that there are none can."""
    with pytest.raises(Denied):
        unit_on_gpu(host(), read(groups="hidden"))
    assert unit_on_gpu(host(), read(groups="hidden", processes="")).processes == 0


def test_gpus_not_visible_leave_nothing_else_to_judge() -> None:
    """The missing card is told once."""
    nothing = Gpus(tool="nvidia-smi", installed=False)
    for ask in (lambda: visible_cards(nothing), lambda: unit_on_gpu(host(), nothing),
                lambda: driver_cuda(host(cuda="11.8"), nothing)):  # fmt: skip
        with pytest.raises(NotApplicable, match="gpu-not-visible"):
            ask()


@pytest.mark.parametrize(
    ("held", "total", "too_much", "too_small"),
    [(1024, 2048, False, False), (1025, 2048, True, False), (1, 1024, False, False), (1, 1023, False, True)],
)  # fmt: skip
def test_gpus_memory_is_held_to_what_is_declared(
    held: int, total: int, too_much: bool, too_small: bool
) -> None:
    """Exactly as much is fine."""
    found = Gpus(
        tool="/x",
        installed=True,
        cards=(Gpu(card="0", driver="1", used=0, total=total * MIB),),
        processes=(GpuProcess(pid=7, used=held * MIB, unit="shop.service"),),
    )
    use = unit_on_gpu(host(memory="1 GiB"), found)
    assert (use.holds_too_much, use.does_not_fit) == (too_much, too_small)


@pytest.mark.parametrize(
    ("supports", "too_old"),
    [("11.4", True), ("11.8", False), ("12.0", False), ("9.2", True), ("11.10", False), ("", True)],
)
def test_gpus_cuda_versions_are_compared_as_numbers(supports: str, too_old: bool) -> None:
    """11.10 is newer than 11.8; none at all is too old."""
    found = read(head=HEAD.replace("12.2", supports or "N/A"))
    assert driver_cuda(host(cuda="11.8"), found).is_too_old == too_old


@pytest.mark.parametrize(
    "broken", [{"cuda": 11.8}, {"cuda": "11"}, {"cuda": "x.y"}, {"used_by": None, "memory": "1 GiB"}, {"count": -1}]
)  # fmt: skip
def test_gpu_that_cannot_be_is_refused(broken: dict[str, Any]) -> None:
    """A number would lose its last 0."""
    with pytest.raises(ValidationError):
        host(**broken)


def test_gpus_script_stops_where_the_tool_fails(tmp_path: Path) -> None:
    """A driver that hangs would hang three times; what it says may be anything."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho \"$*\" >>\"$0.calls\"; head -c 100000 /dev/zero | tr '\\0' x; exit 9\n")  # fmt: skip
    tool.chmod(0o755)
    out = _run(tmp_path)
    assert len(out) < 2000
    assert Gpus.parse(out).failure.startswith("xxx")
    assert (tmp_path / "nvidia-smi.calls").read_text() == "\n"


def test_gpus_script_and_the_labs_stand_in_understand_each_other(tmp_path: Path) -> None:
    """This process is on its card."""
    tool = tmp_path / "nvidia-smi"
    settings = tmp_path / "settings"
    settings.write_text("used=1\n")
    text = STAND_IN.replace("/opt/shop/gpu", str(settings))
    tool.write_text(text.replace("$(systemctl show --value -p MainPID shop-app)", str(os.getpid())))
    tool.chmod(0o755)
    found = Gpus.parse(_run(tmp_path))
    assert (found.cuda, found.cards[0].used) == ("12.2", MIB)
    assert [one.pid for one in found.processes or ()] == [os.getpid()]


def _run(folder: Path) -> str:
    script = gpus._script(host(), {})
    assert script is not None
    done = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=True,
        env={"PATH": f"{folder}:/usr/bin:/bin", "LC_ALL": "C"},
    )  # fmt: skip
    return done.stdout

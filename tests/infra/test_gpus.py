"""The declared GPU is there, is used by whom it should, and has room."""

from __future__ import annotations

from sickbay.inventory.host import HostEntry, HostLimits
from sickbay.judge import offenders, worst
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.gpus import (
    Gpus,
    card_count,
    declared_gpu,
    driver_cuda,
    must_tell_memory,
    unit_on_gpu,
    visible_cards,
)

_NOT_UP = ["host.unit-inactive", "host.unit-failed", "host.unit-flapping"]


@symptom(
    "host.gpu-not-visible",
    severity="major",
    signals=["ai-orchestrator-hub:gpu-unavailable/gpu-visible"],
)
def test_gpus_are_visible(gpus: Gpus, declared: HostEntry) -> None:
    """What should compute on the GPU does so on the CPU, or not at all."""
    assert offenders([card_count(declared, gpus)], lambda one: one.visible < one.wanted) == ()


@test_gpus_are_visible.cause(
    "the driver does not work",
    remedy="dmesg | grep -i nvrm says why. After an upgrade of driver or kernel, restart the machine; "
    "dkms status shows whether the module was built; install the driver anew.",
)
def driver_fails(gpus: Gpus) -> object:
    return gpus if gpus.failure else None


@test_gpus_are_visible.cause(
    "nvidia-smi is not installed",
    remedy="Install the driver with its tools (nvidia-driver, nvidia-smi), or take the GPU out of the "
    "service's settings and of the inventory.",
)
def tool_missing(gpus: Gpus) -> object:
    return None if gpus.installed else gpus


@test_gpus_are_visible.cause(
    "the driver works, and sees fewer cards",
    remedy="lspci | grep -i nvidia shows whether the machine has the card: see its power and seat, or "
    "what a virtual machine or container was given.",
)
def cards_missing(gpus: Gpus, declared: HostEntry) -> object:
    found = card_count(declared, gpus)
    return found if gpus.installed and not gpus.failure and found.visible < found.wanted else None


@symptom(
    "host.gpu-unused",
    severity="major",
    signals=["ai-orchestrator-hub:gpu-unavailable/gpu-in-use"],
    explained_by=_NOT_UP,
)
def test_gpus_are_used_by_their_service(gpus: Gpus, declared: HostEntry) -> None:
    """The GPU is there, and the service that should compute on it does not."""
    assert offenders([unit_on_gpu(declared, gpus)], lambda one: one.processes == 0) == ()


@test_gpus_are_used_by_their_service.cause(
    "nothing computes on it: the use of the GPU is switched off in the service's settings, or failed",
    remedy="Switch it on there (such as gpu_enabled = true), restart the service, and read in its log "
    "whether it found the GPU.",
)
def nobody(gpus: Gpus) -> object:
    return gpus.cards if gpus.processes == () else None


@test_gpus_are_used_by_their_service.cause(
    "others compute on it, and the service does not",
    remedy="nvidia-smi names them: see in the service's log whether it found the GPU, and whether there "
    "was memory left on it.",
)
def others(gpus: Gpus, declared: HostEntry) -> object:
    found = unit_on_gpu(declared, gpus)
    return found if not found.processes and found.others else None


@symptom(
    "host.gpu-memory-full",
    severity="major",
    signals=["ai-orchestrator-hub:gpu-unavailable/gpu-memory"],
)
def test_gpus_have_memory_left(gpus: Gpus, declared: HostEntry, limits: HostLimits) -> None:
    """Work on the GPU ends with "out of memory" once its own memory is used up."""
    cards = visible_cards(gpus)
    if declared_gpu(declared).memory is not None:
        found = [unit_on_gpu(declared, gpus)]
        assert offenders(found, lambda one: one.holds_too_much or one.does_not_fit) == ()
    must_tell_memory(declared, gpus)
    assert worst(cards, "used_fraction") < limits.gpu_memory_used


@test_gpus_have_memory_left.cause(
    "the service holds more than it may",
    remedy="Lower the limit in its settings (such as gpu_memory_limit_mb) or the size of its batches, "
    "and restart it; where it grows without end, it leaks.",
)
def holds_too_much(gpus: Gpus, declared: HostEntry) -> object:
    found = unit_on_gpu(declared, gpus)
    return found if found.holds_too_much else None


@test_gpus_have_memory_left.cause(
    "what the service may hold is more than the card has",
    remedy="Lower the limit in its settings (such as gpu_memory_limit_mb) below the card's memory, or "
    "give it a larger card.",
)
def does_not_fit(gpus: Gpus, declared: HostEntry) -> object:
    found = unit_on_gpu(declared, gpus)
    return found if found.does_not_fit else None


@test_gpus_have_memory_left.cause(
    "others compute on the card",
    remedy="nvidia-smi names them and what they hold: end those that are not needed, or give them "
    "another card (CUDA_VISIBLE_DEVICES).",
)
def taken_by_others(gpus: Gpus, declared: HostEntry) -> object:
    found = unit_on_gpu(declared, gpus)
    return found if found.others else None


@symptom(
    "host.gpu-cuda-too-old",
    severity="major",
    signals=["ai-orchestrator-hub:gpu-unavailable/cuda-version"],
)
def test_driver_supports_the_cuda_wanted(gpus: Gpus, declared: HostEntry) -> None:
    """Programs built for a newer CUDA than the driver supports do not find the GPU."""
    assert offenders([driver_cuda(declared, gpus)], lambda one: one.is_too_old) == ()


@test_driver_supports_the_cuda_wanted.cause(
    "the driver is older than what the service was built for",
    remedy="Install a driver for this CUDA (NVIDIA's release notes of CUDA name the least one), or "
    "deploy a build, and set cuda_version, for the one that the driver supports.",
)
def driver_is_old(gpus: Gpus, declared: HostEntry) -> object:
    found = driver_cuda(declared, gpus)
    return found if found.supports and found.is_too_old else None


@test_driver_supports_the_cuda_wanted.cause(
    "the driver has no library of CUDA, or is older than CUDA 10",
    remedy="Install the library (libcuda1, or the driver's compute package), or a newer driver; in a "
    "container give the runtime the capability compute.",
)
def no_library(gpus: Gpus, declared: HostEntry) -> object:
    found = driver_cuda(declared, gpus)
    return None if found.supports else found

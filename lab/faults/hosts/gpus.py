"""app1's GPU is not there, not used, full, or its driver is too old."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from lab.fault import fault
from lab.machines import Machine
from lab.worlds.hosts_gpus import SETTINGS, TOOL

PRINTED = "recorded: the lab has no GPU; a stand-in prints what nvidia-smi prints"


@contextmanager
def _printed(app1: Machine, **settings: object) -> Iterator[None]:
    """Let the stand-in print other values than a card's that is well."""
    text = "\n".join(f"{name}={shlex.quote(str(value))}" for name, value in settings.items())
    app1.run(f"cat >{SETTINGS} <<'END'\n{text}\nEND")
    yield
    app1.run(f": >{SETTINGS}")


@fault(
    "host.gpu-not-visible",
    on="app1",
    cause="the driver does not work",
    proves=["ai-orchestrator-hub:gpu-unavailable/gpu-visible"],
    how=PRINTED,
)
def driver_was_not_built_for_the_kernel(app1: Machine) -> Iterator[None]:
    """After an upgrade of the kernel there is no module for it."""
    said = (
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure "
        "that the latest NVIDIA driver is installed and running."
    )
    with _printed(app1, fails=said):
        yield


@fault("host.gpu-not-visible", on="app1", cause="nvidia-smi is not installed")
def driver_was_never_installed(app1: Machine) -> Iterator[None]:
    """The machine was made anew, without the driver's tools."""
    app1.run(f"mv {TOOL} /root/nvidia-smi")
    yield
    app1.run(f"mv /root/nvidia-smi {TOOL}")


@fault(
    "host.gpu-not-visible",
    on="app1",
    cause="the driver works, and sees fewer cards",
    how=PRINTED,
)
def card_was_taken_out(app1: Machine) -> Iterator[None]:
    """The driver is there, and no card."""
    with _printed(app1, fails="No devices were found"):
        yield


@fault(
    "host.gpu-unused",
    on="app1",
    cause="nothing computes on it: the use of the GPU is switched off in the service's settings, or failed",
    proves=["ai-orchestrator-hub:gpu-unavailable/gpu-in-use"],
    how=PRINTED,
)
def service_computes_on_the_cpu(app1: Machine) -> Iterator[None]:
    """No process is on the card."""
    with _printed(app1, held="", used=3):
        yield


@fault(
    "host.gpu-unused",
    on="app1",
    cause="others compute on it, and the service does not",
    how=PRINTED,
)
def another_service_has_the_gpu(app1: Machine) -> Iterator[None]:
    """The process on the card is one of nginx."""
    with _printed(app1, held="", also=452):
        yield


@fault(
    "host.gpu-memory-full",
    on="app1",
    cause="others compute on the card",
    proves=["ai-orchestrator-hub:gpu-unavailable/gpu-memory"],
    how=PRINTED,
)
def another_service_fills_the_gpu(app1: Machine) -> Iterator[None]:
    """4090 of the card's 4096 MiB are in use, most by another service."""
    with _printed(app1, used=4090, total=4096, also=3635):
        yield


@fault(
    "host.gpu-memory-full",
    on="app1",
    cause="the service holds more than it may",
    proves=["ai-orchestrator-hub:gpu-unavailable/gpu-memory"],
    how=PRINTED,
)
def service_holds_too_much_of_the_gpu(app1: Machine) -> Iterator[None]:
    """The shop holds three times what it may; the card has room."""
    with _printed(app1, used=3075, held=3072):
        yield


@fault(
    "host.gpu-memory-full",
    on="app1",
    cause="what the service may hold is more than the card has",
    proves=["ai-orchestrator-hub:gpu-unavailable/gpu-memory"],
    how=PRINTED,
)
def card_is_smaller_than_thought(app1: Machine) -> Iterator[None]:
    """The machine was made anew, with a smaller card."""
    with _printed(app1, used=455, total=768):
        yield


@fault(
    "host.gpu-cuda-too-old",
    on="app1",
    cause="the driver is older than what the service was built for",
    proves=["ai-orchestrator-hub:gpu-unavailable/cuda-version"],
    how=PRINTED,
)
def driver_supports_an_old_cuda(app1: Machine) -> Iterator[None]:
    """The driver was not upgraded with the service."""
    with _printed(app1, driver="470.103.01", cuda="11.4"):
        yield


@fault(
    "host.gpu-cuda-too-old",
    on="app1",
    cause="the driver has no library of CUDA, or is older than CUDA 10",
    how=PRINTED,
)
def library_of_cuda_is_missing(app1: Machine) -> Iterator[None]:
    """The driver was installed without what computes."""
    with _printed(app1, cuda="N/A"):
        yield

"""The servers of the control plane, compiled once from the Go modules in ``build/`` and cached."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from lab.cache import cached

SERVERS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")

_SOURCE = Path(__file__).with_name("build")
_MODULES = (_SOURCE / "go.mod").read_text()
# Without version control at hand the servers cannot tell their version; clients are served by it.
_FLAGS = (
    "-s -w -X k8s.io/component-base/version.gitVersion={0} "
    "-X k8s.io/component-base/version.gitMajor={1} -X k8s.io/component-base/version.gitMinor={2}"
)
_GO_PLACES = ("/usr/local/go/bin/go",)  # where Go's own archive is unpacked to, often not on PATH


class Unavailable(RuntimeError):
    """The control plane cannot be made on this machine; the message says what is missing."""


def _version(module: str) -> str:
    found = re.search(rf"^\s{re.escape(module)} (v\S+)", _MODULES, re.MULTILINE)
    if not found:
        raise RuntimeError(f"{_SOURCE / 'go.mod'} requires no {module}")
    return found[1]


KUBERNETES = _version("k8s.io/kubernetes")
_ETCD = _version("go.etcd.io/etcd/server/v3")


def binaries() -> Path:
    """The directory with the executables :data:`SERVERS`; builds them where the cache has none.

    A build takes about five minutes on two cores and, unless Go's module cache has the sources, the
    network. Raises :class:`Unavailable` when Go is absent or too old.
    """
    recipe = "\n".join((_MODULES, (_SOURCE / "go.sum").read_text(), _FLAGS, " ".join(SERVERS)))
    return cached("kubernetes", recipe, _build, _works)


def _works(kept: Path) -> bool:
    told = {"etcd": f"etcd Version: {_ETCD.removeprefix('v')}"}
    for server in SERVERS:
        try:
            answer = subprocess.run(
                [kept / server, "--version"], capture_output=True, text=True, timeout=30, check=True
            ).stdout
        except (OSError, subprocess.SubprocessError):
            return False
        if told.get(server, f"Kubernetes {KUBERNETES}") not in answer:
            return False
    return True


def _build(directory: Path) -> None:
    go = _go()
    major, minor, _ = KUBERNETES.removeprefix("v").split(".")
    command = [go, "build", "-trimpath", "-buildvcs=false", "-mod=readonly"]
    command += ["-ldflags", _FLAGS.format(KUBERNETES, major, minor)]
    built = subprocess.run(
        [*command, "-o", f"{directory}/", "tool"],
        cwd=_SOURCE,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        end = "\n".join(built.stderr.splitlines()[-10:])
        raise Unavailable(
            f"Kubernetes {KUBERNETES} could not be built; if modules are missing, a network or a "
            f"module proxy (GOPROXY) is needed once:\n{end}"
        )
    (directory / "server").rename(directory / "etcd")  # Go names it after its import path


def _environment() -> dict[str, str]:
    return os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}


def _go() -> str:
    """The go command, if it is new enough for these modules (or can fetch a Go that is)."""
    wanted = re.search(r"^go (\d+)\.(\d+)", _MODULES, re.MULTILINE)
    assert wanted
    need = f"building Kubernetes {KUBERNETES} for the lab needs Go {wanted[1]}.{wanted[2]} or newer"
    how = "install it from https://go.dev/dl (unpacked to /usr/local/go) and put it on PATH"
    go = shutil.which("go") or next((place for place in _GO_PLACES if Path(place).exists()), None)
    if go is None:
        raise Unavailable(f"{need}, and there is no go command: {how}")
    told = subprocess.run(
        [go, "env", "GOVERSION"],
        cwd=_SOURCE,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    have = re.match(r"go(\d+)\.(\d+)", told.stdout)
    if not have or (int(have[1]), int(have[2])) < (int(wanted[1]), int(wanted[2])):
        says = (told.stdout + told.stderr).strip()
        raise Unavailable(f"{need}, and {go} says {says!r}: {how}")
    return go

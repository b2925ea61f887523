"""The servers of the control plane, compiled once from the Go modules in ``build/`` and cached."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from functools import partial
from pathlib import Path

from lab.cache import Unavailable, cached

SERVERS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")

_SOURCE = Path(__file__).with_name("build")
_MODULES = (_SOURCE / "go.mod").read_text()
# Without version control at hand the servers cannot tell their version; clients are served by it.
_FLAGS = (
    "-s -w -X k8s.io/component-base/version.gitVersion={0} "
    "-X k8s.io/component-base/version.gitMajor={1} -X k8s.io/component-base/version.gitMinor={2}"
)
_GO_PLACES = ("/usr/local/go/bin/go",)  # where Go's own archive is unpacked to, often not on PATH


_TOOLCHAIN = "golang.org/toolchain"


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
    """A go command that is new enough for these modules.

    That of this machine, or one that an older go command (Debian's, say) fetches as a module: Go
    publishes its releases as versions of golang.org/toolchain.
    """
    found = re.search(r"^go (\d+)\.(\d+)\.(\d+)$", _MODULES, re.MULTILINE)
    assert found
    wanted = (int(found[1]), int(found[2]))
    commands = [which] if (which := shutil.which("go")) else []
    commands += [place for place in _GO_PLACES if Path(place).exists()]
    for go in commands:
        have = re.match(r"go(\d+)\.(\d+)", _ask(go, "env", "GOVERSION"))
        if have and (int(have[1]), int(have[2])) >= wanted:
            return go
    if not commands:
        raise Unavailable(
            f"building Kubernetes {KUBERNETES} for the lab needs Go, and there is no go command: "
            "apt-get install golang-go (any version: it fetches the one that is needed)"
        )
    release = f"{_TOOLCHAIN}@v0.0.1-go{found[1]}.{found[2]}.{found[3]}"
    platform = "-".join(_ask(commands[0], "env", "GOOS", "GOARCH").split())
    toolchain = cached(
        "go", f"{release}.{platform}", partial(_fetch, commands[0], f"{release}.{platform}"), _runs
    )
    return str(toolchain / "bin/go")


def _ask(go: str, *words: str) -> str:
    """What a go command says, in a place where no go.mod asks it to be another version."""
    done = subprocess.run(
        [go, *words], cwd="/", env=_environment(), capture_output=True, text=True, check=False
    )
    return done.stdout


def _runs(toolchain: Path) -> bool:
    return _ask(str(toolchain / "bin/go"), "version").startswith("go version")


def _fetch(go: str, release: str, directory: Path) -> None:
    answer = _ask(go, "mod", "download", "-json", release)
    unpacked = json.loads(answer or "{}").get("Dir")
    if not unpacked:
        raise Unavailable(f"{go} could not fetch {release}: {answer.strip()}")
    shutil.copytree(unpacked, directory, dirs_exist_ok=True)
    for file in (
        directory,
        *directory.rglob("*"),
    ):  # a module's files are neither writable nor executable
        tool = {"bin", "tool"} & set(file.relative_to(directory).parts)
        file.chmod(0o755 if file.is_dir() or tool else 0o644)

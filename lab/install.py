"""Install what the lab's real systems are made from, where this machine allows it.

    python -m lab.install

As root on Debian this installs a few packages; elsewhere it says what the tests will skip.
"""

from __future__ import annotations

import os
import shutil
import subprocess

PACKAGES = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "busybox": "busybox",
    "go": "golang-go",
}
"""What is needed (a command) and the Debian package that has it."""

_PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/local/go/bin"))


def missing() -> dict[str, str]:
    """The needed commands that are not here, with their packages."""
    return {
        command: package
        for command, package in PACKAGES.items()
        if shutil.which(command, path=_PLACES) is None
    }


def main() -> None:
    """Install what is missing, or say why not."""
    lacking = missing()
    if not lacking:
        return
    names = " ".join(sorted(lacking.values()))
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(
            f"The lab's real systems need {', '.join(sorted(lacking))}: as root on Debian, "
            f"apt-get install {names}. Without them the tests that need them are skipped."
        )
        return
    print(f"installing {names}")
    # RUNLEVEL keeps packages from starting their services: the lab starts its own.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *sorted(lacking.values())],
    ):
        subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main()

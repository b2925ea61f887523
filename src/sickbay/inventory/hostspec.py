"""Hosts that are named on the command line the way pytest-testinfra names them.

``ssh://user@host:port?sudo=true``, ``paramiko://``, ``docker://NAME``, ``podman://``,
``kubectl://POD?namespace=NS``, ``chroot:///DIR``, ``salt://MINION``, ``ansible://GROUP``: what
testinfra understands. Whatever is SSH becomes an ordinary SSH entry, so that it shares our one
connection; everything else stays a spec and is reached through testinfra's backend.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from pydantic import ValidationError

from sickbay.errors import UsageError
from sickbay.inventory.base import Entry
from sickbay.inventory.host import HostEntry
from sickbay.inventory.limits import resolve
from sickbay.inventory.targets import Target
from sickbay.inventory.wording import near_or_all
from sickbay.redact import Redactor

SSH = frozenset({"ssh", "safe-ssh", "paramiko"})
_ENTRY_KEYS = {
    "ssh_config": "ssh_config",
    "ssh_identity_file": "identity_file",
    "sudo_user": "sudo_user",
}
"""testinfra's word for a setting, and the entry key that holds it."""
_HARMLESS_SSH_OPTIONS = frozenset({"controlmaster", "controlpersist", "controlpath"})


@dataclass(frozen=True)
class HostOptions:
    """What testinfra's own options say; ``applied`` gives it to hosts that do not say otherwise."""

    connection: str | None = None
    ssh_config: str | None = None
    ssh_identity_file: str | None = None
    sudo: bool = False
    sudo_user: str | None = None
    ansible_inventory: str | None = None
    force_ansible: bool = False

    def applied(self, entry: Entry) -> Entry:
        """The entry with these settings where it is a host and has none of its own."""
        if not isinstance(entry, HostEntry):
            return entry
        settings = _settings(
            {
                "ssh_config": self.ssh_config,
                "ssh_identity_file": self.ssh_identity_file,
                "sudo_user": self.sudo_user,
                "sudo": self.sudo,
            }
        )
        unsaid = {k: v for k, v in settings.items() if k not in entry.model_fields_set}
        return entry.model_copy(update=unsaid) if unsaid else entry


def host_targets(spec: str, options: HostOptions) -> tuple[Target, ...]:
    """The hosts that one spec names; a bare name is one over the connection of the options.

    An Ansible group or a Salt glob expands to its hosts, which asks the local tools of these.
    Raises UsageError.
    """
    if "://" not in spec:
        spec = f"{options.connection or 'ssh'}://{spec}"
    try:
        return tuple(_targets(spec, options))
    except (UsageError, ValidationError, ValueError) as error:
        raise UsageError(f"--hosts: {_shown(spec)}: {_reason(error)}") from None


def _targets(spec: str, options: HostOptions) -> Iterator[Target]:
    from testinfra.backend import BACKENDS, parse_hostspec  # noqa: PLC0415 (start-up)

    scheme = spec.partition("://")[0]
    if scheme not in BACKENDS:
        raise UsageError(f"unknown connection {scheme!r}{near_or_all(scheme, BACKENDS)}")
    name, said = parse_hostspec(spec)
    settings = {"ansible_inventory": options.ansible_inventory, **said}
    if scheme == "local":
        yield _target("local", options, connection="local", **_settings(said))
    elif scheme in SSH:
        yield _ssh_target(name, spec, said, options)
    elif scheme == "ansible":
        force = options.force_ansible or bool(said.get("force_ansible"))
        for host in _members(scheme, name, settings):
            yield _ansible_target(host, settings["ansible_inventory"], options, force=force)
    elif scheme == "salt":
        for minion in _members(scheme, name, settings):
            yield _target(minion, options, connection=f"salt://{minion}", **_settings(said))
    else:
        path = urlsplit(spec).path
        bare = name.rpartition("@")[2] or path
        if not bare:
            raise UsageError("names no host")
        yield _target(bare, options, connection=spec, **_settings(said))


def _ssh_target(name: str, spec: str, said: dict[str, Any], options: HostOptions) -> Target:
    from testinfra.backend.base import BaseBackend  # noqa: PLC0415 (start-up)

    host = BaseBackend.parse_hostspec(name)
    if not host.name:
        raise UsageError("names no host")
    named = host.name if host.port in {None, "22"} else f"{host.name}:{host.port}"
    if host.password:  # an entry holds none; testinfra's backend logs in with it
        return _target(named, options, connection=spec, **_settings(said))
    return _target(
        named, options, connection="ssh", address=host.name, port=host.port, user=host.user,
        **_settings(said),
    )  # fmt: skip


def _members(scheme: str, pattern: str, settings: dict[str, Any]) -> list[str]:
    """The hosts that a group or glob stands for, as the local tools of Ansible or Salt tell."""
    from testinfra.backend import get_backend_class  # noqa: PLC0415 (start-up)

    if scheme == "ansible" and shutil.which("ansible-inventory") is None:
        raise UsageError("ansible-inventory is not on the PATH: install Ansible, or name the hosts")
    try:
        hosts = get_backend_class(scheme).get_hosts(pattern or None, **settings)
    except Exception as error:  # noqa: BLE001 (testinfra lets through whatever its tools raise)
        raise UsageError(f"{scheme} cannot tell its hosts: {_complaint(error)}") from None
    if not hosts:
        raise UsageError(f"no host or group of the {scheme} inventory is named {pattern!r}")
    return [str(host) for host in hosts]


def _ansible_target(
    name: str, inventory: str | None, options: HostOptions, *, force: bool
) -> Target:
    """A host of an Ansible inventory: plain SSH or local as its variables say, else as a spec."""
    backend = None if force else _resolved(name, inventory, options)
    kind = getattr(backend, "NAME", None)
    sudo = {"sudo": True} if getattr(backend, "sudo", False) else {}
    if kind == "local":
        return _target(name, options, connection="local", **sudo)
    if (
        kind in SSH
        and backend is not None
        and not backend.host.password
        and _only_harmless(getattr(backend, "ssh_extra_args", None))
    ):
        return _target(
            name, options, connection="ssh", address=backend.host.name, port=backend.host.port,
            user=backend.host.user,
            **_settings({key: getattr(backend, key, None) for key in _ENTRY_KEYS}), **sudo,
        )  # fmt: skip
    query = {"ansible_inventory": inventory, "force_ansible": "true" if force else None}
    asked = urlencode({key: value for key, value in query.items() if value})
    return _target(name, options, connection=f"ansible://{name}{'?' if asked else ''}{asked}")


def _resolved(name: str, inventory: str | None, options: HostOptions) -> Any:
    """testinfra's backend for a host of an Ansible inventory; None where only Ansible can reach it."""
    from testinfra.utils.ansible_runner import AnsibleRunner  # noqa: PLC0415 (start-up)

    try:
        host = AnsibleRunner.get_runner(inventory).get_host(
            name, ssh_config=options.ssh_config, ssh_identity_file=options.ssh_identity_file
        )
    except Exception as error:  # noqa: BLE001 (testinfra lets through whatever its tools raise)
        raise UsageError(f"ansible cannot tell about {name}: {_complaint(error)}") from None
    return None if host is None else host.backend


def _only_harmless(arguments: str | None) -> bool:
    """Whether ssh's extra arguments only share connections, which ours does by itself."""
    words = shlex.split(arguments or "")
    options = [word.partition("=")[0].lower() for word in words if word not in {"-o", "-C"}]
    return all(option.removeprefix("-o") in _HARMLESS_SSH_OPTIONS for option in options)


def _settings(said: dict[str, Any]) -> dict[str, Any]:
    """What testinfra's settings are called in an entry; those that are not set are left out."""
    settings: dict[str, Any] = {
        ours: said[theirs]
        for theirs, ours in _ENTRY_KEYS.items()
        if said.get(theirs) and ours in HostEntry.model_fields
    }
    if said.get("sudo"):
        settings["sudo"] = True
    return settings


def _target(name: str, options: HostOptions, **keys: Any) -> Target:
    given = {key: value for key, value in keys.items() if value is not None}
    entry = options.applied(HostEntry.model_validate(given))
    nothing_said = type(entry.limits)()
    limits = resolve(nothing_said, nothing_said, lambda _: "default", lambda _: "default")
    return Target(name, entry, limits)


def _shown(spec: str) -> str:
    return Redactor().text(spec)


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(
            f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors()
        )
    return str(error)


def _complaint(error: Exception) -> str:
    """What a tool said, in a line, without secrets."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return Redactor().text(lines[0] if lines else type(error).__name__)[:300]

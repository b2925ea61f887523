"""testinfra's Host over the connection that this run already has to the target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from testinfra.backend.base import BaseBackend, CommandResult
from testinfra.host import Host

from sickbay.errors import TimedOut, Unreachable
from sickbay.inventory.host import HostEntry
from sickbay.inventory.units import show
from sickbay.targets.host.backend import testinfra_host
from sickbay.targets.host.place import Place, place_of

if TYPE_CHECKING:
    from sickbay.inventory.targets import Target
    from sickbay.observe import Observatory
    from sickbay.targets.host.ssh import Ran, Ssh

COMMAND_SECONDS = 60
"""How long one command of a testinfra test may take."""

_hosts: WeakKeyDictionary[Observatory, dict[str, Host]] = WeakKeyDictionary()


def live_host(observatory: Observatory, target: Target) -> Host:
    """The Host of a target, the same one for the whole run.

    For hosts reached by SSH it works over the observation's own connection, which is opened when
    there is none yet; for all others it is what testinfra makes of the host spec.
    """
    hosts = _hosts.setdefault(observatory, {})
    if target.name not in hosts:
        hosts[target.name] = _new_host(observatory, target)
    return hosts[target.name]


def _new_host(observatory: Observatory, target: Target) -> Host:
    assert isinstance(target.entry, HostEntry)
    place = place_of(target.name, target.entry)
    if place.means != "ssh":
        return testinfra_host(place.spec)
    backend = _OneConnection(observatory, target.name, place, target.entry.deadline)
    host = Host(backend)
    backend.set_host(host)
    return host


class _OneConnection(BaseBackend):  # type: ignore[misc]
    """A testinfra backend that runs every command as one more session of our SSH connection."""

    NAME = "ssh"

    def __init__(
        self, observatory: Observatory, target: str, place: Place, login_seconds: float
    ) -> None:
        super().__init__(place.address)
        self._observatory = observatory
        self._target = target
        self._place = place
        self._login_seconds = login_seconds

    def run(self, command: str, *args: str, **_: Any) -> CommandResult:
        """Run a command; raises Missing where the host is not reached any more."""
        import asyncssh  # noqa: PLC0415 (costs a quarter of a second)

        line = self.get_command(command, *args)
        try:
            ran = self._observatory.run(self._run(line))
        except TimeoutError:
            raise TimedOut(
                f"{self._target}: no end within {show(COMMAND_SECONDS, 'seconds')}: {line}"
            ) from None
        except (asyncssh.Error, OSError) as error:
            raise Unreachable(f"{self._target}: {error}", failure="broken-off") from None
        return self.result(ran.status, self.encode(line), ran.stdout, ran.stderr)

    async def _run(self, line: str) -> Ran:
        return await (await self._connection()).command(line, COMMAND_SECONDS)

    async def _connection(self) -> Ssh:
        from sickbay.targets.host.ssh import Ssh, connect  # noqa: PLC0415

        known = self._observatory.connections.get(self._target)
        if isinstance(known, Ssh) and known.is_open:
            return known
        fresh = await connect(self._place, self._login_seconds)
        self._observatory.connections[self._target] = fresh
        return fresh

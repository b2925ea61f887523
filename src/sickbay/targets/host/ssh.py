"""SSH: one connection per host, known hosts strictly checked, never a question to the user.

What holds is what ``ssh`` would do: SSH config (HostName, User, Port, IdentityFile, ProxyJump,
ProxyCommand, UserKnownHostsFile, HostKeyAlias ...), the agent, the keys in ~/.ssh. The inventory's
words come first. Unlike with ``ssh`` no setting turns the check of the host key off.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sickbay.errors import Denied, Missing, TimedOut, Unreachable, Unreadable
from sickbay.inventory.units import show
from sickbay.targets.host.place import Place
from sickbay.targets.host.transport import Intake, Output

if TYPE_CHECKING:
    import asyncssh

KEEPALIVE_SECONDS = 5
_CLOSING_SECONDS = 1
_DEFAULT_PORT = 22
_USUAL_CONFIGS = ["~/.ssh/config", "/etc/ssh/ssh_config"]
_SYSTEM_KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")
_NO_ROUTE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}
_BROKEN = {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED}


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command printed and how it ended; a signal's number is negative."""

    status: int
    stdout: bytes
    stderr: bytes


class Ssh:
    """A host that let us in by SSH; the connection stays until it is closed."""

    def __init__(self, connection: asyncssh.SSHClientConnection) -> None:
        self._connection = connection

    @property
    def is_open(self) -> bool:
        return not self._connection.is_closed()

    async def run(self, script: str, seconds: float) -> Output:
        """Run a script by the host's sh. It goes in on standard input, so that ps shows none of it."""
        import asyncssh  # noqa: PLC0415 (costs a quarter of a second)

        intake = Intake()
        broken: Missing | None = None
        try:
            async with asyncio.timeout(seconds):
                await self._run("sh -s", script.encode(), intake)
        except TimeoutError:
            broken = TimedOut(f"no answer within {show(seconds, 'seconds')}")
        except asyncssh.ChannelOpenError as error:
            broken = Denied(
                f"the host let us in and then refused a session: {error.reason}",
                "allow the user sessions (MaxSessions in sshd_config; a shell in /etc/passwd)",
                failure="no-shell",
            )
        except Missing as flood:
            broken = flood
        except (asyncssh.Error, OSError) as error:
            broken = Unreachable(
                f"the connection broke off: {error}",
                "see whether the host or its sshd went down (journalctl -u ssh)",
                failure="broken-off",
            )
        return intake.output(broken)

    async def command(self, command: str, seconds: float) -> Ran:
        """Run a command line by the user's shell. Raises TimeoutError, asyncssh.Error, Unreadable."""
        intake = Intake()
        async with asyncio.timeout(seconds):
            status = await self._run(command, b"", intake)
        return Ran(status, bytes(intake.stdout), bytes(intake.stderr))

    async def _run(self, command: str, given: bytes, intake: Intake) -> int:
        process: asyncssh.SSHClientProcess[bytes] = await self._connection.create_process(
            command, encoding=None
        )
        try:
            with contextlib.suppress(BrokenPipeError):  # a short command may be over by now
                process.stdin.write(given)
                process.stdin.write_eof()
            await intake.take(process.stdout, process.stderr)
            await process.wait_closed()
            if process.returncode is None and not self.is_open:
                raise ConnectionResetError("the host closed it")
        except BaseException:
            # sshd ends the session's processes; a connection that is gone takes no signal.
            with contextlib.suppress(OSError):
                process.kill()
            raise
        finally:
            process.close()
        return 0 if process.returncode is None else process.returncode

    async def close(self) -> None:
        """Close the connection; a host that does not answer any more is not waited for."""
        self._connection.close()
        try:
            async with asyncio.timeout(_CLOSING_SECONDS):
                await self._connection.wait_closed()
        except TimeoutError:
            self._connection.abort()


async def connect(place: Place, seconds: float) -> Ssh:
    """Log in to a host. Raises Missing with what went wrong and what to do about it."""
    return Ssh(await _Login(place).connect(seconds))


class _Login:
    """One attempt to log in, with what it takes to explain its failure."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._host = place.address
        self._port = place.port or _DEFAULT_PORT
        self._user = place.user or ""
        self._tried = ""
        self._connection: Any = None
        self._unread = b""
        """What had come in and was not understood when the connection ended."""
        self._known: asyncssh.SSHKnownHosts | None = None
        self._refused_key: asyncssh.SSHKey | None = None
        self._trusted = False
        """Whether there are known keys for the host of the key that was refused."""

    async def connect(self, seconds: float) -> asyncssh.SSHClientConnection:
        import asyncssh  # noqa: PLC0415 (see Ssh.run)

        try:
            options = self._options()
            # The host's time starts here: what this machine takes to load the library and to read
            # keys and config is not the host's, and must not make a refusal look like silence.
            async with asyncio.timeout(seconds):
                return await asyncssh.connect(self._place.address, options=options)
        except asyncssh.ConfigParseError as error:
            raise Unreadable(
                f"the SSH config cannot be read: {error}", "mend it, or name another: ssh_config"
            ) from None
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            raise Denied(
                f"the key {self._place.identity_file} cannot be used: {error}",
                "add it to the agent (ssh-add), which is where a passphrase can be given",
                failure="login-refused",
            ) from None
        except asyncssh.PermissionDenied as error:
            raise self._login_refused(error.reason) from None
        except asyncssh.HostKeyNotVerifiable as error:
            raise self._host_key(error.reason) from None
        except asyncssh.ConnectionLost:
            raise self._broken_off() from None
        except asyncssh.DisconnectError as error:
            raise self._disconnected(error) from None
        except asyncssh.ChannelOpenError as error:
            raise Unreachable(
                f"the jump host did not open the way to {self._where}: {error.reason}",
                "see whether the jump host reaches it and may forward (AllowTcpForwarding)",
                failure="no-route",
            ) from None
        except TimeoutError:
            # Either our own limit or the kernel's (ETIMEDOUT).
            raise self.silent(seconds) from None
        except OSError as error:
            raise self._unreachable(error) from None

    # ------------------------------------------------------------------ what holds for this host

    def _options(self) -> asyncssh.SSHClientConnectionOptions:
        import asyncssh  # noqa: PLC0415

        place = self._place
        configs = [place.ssh_config] if place.ssh_config else _USUAL_CONFIGS
        paths = [str(Path(path).expanduser()) for path in configs]
        if place.ssh_config and not os.access(paths[0], os.R_OK):
            raise Unreadable(f"ssh_config: {place.ssh_config} cannot be read")
        common: dict[str, Any] = {
            "config": [path for path in paths if os.access(path, os.R_OK)],
            "host": place.address,
        }
        if place.port is not None:
            common["port"] = place.port
        if place.user is not None:
            common["username"] = place.user
        said = asyncssh.SSHClientConnectionOptions(**common, client_keys=None)
        self._host, self._port, self._user = said.host, said.port, said.username
        self._known = _known_hosts(place.known_hosts, said.known_hosts)
        configured: Any = said.config.get("IdentityFile", [])
        keys = [place.identity_file] if place.identity_file else configured
        keys = [str(Path(str(key)).expanduser()) for key in keys]
        if place.identity_file and not os.access(keys[0], os.R_OK):
            raise Denied(
                f"the key {place.identity_file} cannot be read",
                "correct identity_file, or its permissions",
                failure="login-refused",
            )
        # ssh passes over keys of its config that are not there, so we do.
        keys = [key for key in keys if os.access(key, os.R_OK)]
        agent = os.environ.get("SSH_AUTH_SOCK")
        self._tried = " and ".join(
            [", ".join(keys) or "the keys in ~/.ssh", *(["the agent's"] if agent else [])]
        )
        return asyncssh.SSHClientConnectionOptions(
            **common,
            client_factory=lambda: _watching(self),
            known_hosts=self._known,
            x509_trusted_certs=None,
            client_keys=keys or (),
            ignore_encrypted=not place.identity_file,
            password=None,
            password_auth=False,
            kbdint_auth=False,
            agent_forwarding=False,
            x11_forwarding=False,
            request_pty=False,
            command=None,
            keepalive_interval=KEEPALIVE_SECONDS,
            keepalive_count_max=2,
        )

    # ------------------------------------------------------------------ what the connection tells

    def made(self, connection: Any) -> None:
        """The TCP connection is there."""
        self._connection = connection

    def lost(self) -> None:
        """The connection ends; asyncssh forgets next what it could make nothing of."""
        self._unread = getattr(self._connection, "_inpbuf", b"")

    def refuse(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> None:
        """The host showed a key that is not among the known ones."""
        self._refused_key = key
        self._trusted = self._knows(host, addr, port)

    def _knows(self, host: str, addr: str, port: int) -> bool:
        import asyncssh  # noqa: PLC0415

        assert self._known is not None
        found = asyncssh.match_known_hosts(
            self._known, host, addr, None if port == _DEFAULT_PORT else port
        )
        return bool(found[0] or found[1])

    def _spoke_ssh(self) -> bool:
        return bool(
            self._connection is not None and self._connection.get_extra_info("server_version")
        )

    def _said_something_else(self) -> bool:
        """Whether bytes came that were no SSH greeting."""
        connection = self._connection
        if connection is None or self._spoke_ssh():
            return False
        unread = self._unread or getattr(connection, "_inpbuf", b"")
        return bool(unread or getattr(connection, "_banner_lines", 0))

    # ------------------------------------------------------------------ failures

    @property
    def _where(self) -> str:
        return f"{self._host} port {self._port}"

    def silent(self, seconds: float) -> Missing:
        """No answer in time."""
        if self._said_something_else():
            return self._garbage()
        if self._connection is None:
            return TimedOut(
                f"no answer from {self._where} within {show(seconds, 'seconds')}",
                "see whether the host is up and no firewall drops the packets",
                failure="silent",
            )
        return TimedOut(
            f"{self._where} took the connection and stayed silent for {show(seconds, 'seconds')}",
            "see whether the host hangs (memory, disk, load): its console tells",
            failure="silent",
        )

    def _garbage(self) -> Missing:
        return Unreadable(
            f"what answers at {self._where} is not SSH",
            "correct address and port in the inventory or in SSH config",
            failure="garbage",
        )

    def _broken_off(self) -> Missing:
        if self._said_something_else():
            return self._garbage()
        return Unreachable(
            f"{self._where} broke the connection off before the login was done",
            "see the host's sshd log (journalctl -u ssh): MaxStartups, a ban (fail2ban), a full disk",
            failure="broken-off",
        )

    def _login_refused(self, reason: str) -> Missing:
        return Denied(
            f"{self._where} refused the login of {self._user!r} (tried: {self._tried}): {reason}",
            f"add the public key to ~{self._user}/.ssh/authorized_keys there, or set user and "
            "identity_file",
            failure="login-refused",
        )

    def _disconnected(self, error: asyncssh.DisconnectError) -> Missing:
        import asyncssh  # noqa: PLC0415

        if "authentication failures" in error.reason:
            return self._login_refused(error.reason)
        if isinstance(error, asyncssh.KeyExchangeFailed):
            if "host key" in error.reason.lower() and self._knows(self._host, "", self._port):
                return self._host_key("it has none of the kind that is known for it")
            return Unreachable(
                f"{self._where} and this side have no way to speak in common: {error.reason}",
                "bring the host's OpenSSH up to date, or name algorithms in SSH config",
                failure="no-common-algorithm",
            )
        if isinstance(error, asyncssh.ProtocolNotSupported) or not self._spoke_ssh():
            return self._garbage()
        return Unreachable(
            f"{self._where} ended the login: {error.reason}",
            "see the host's sshd log (journalctl -u ssh)",
            failure="broken-off",
        )

    def _host_key(self, reason: str) -> Missing:
        key = self._refused_key
        shown = f"{key.get_algorithm()} {key.get_fingerprint()}" if key else reason
        compare = (
            "compare it with what ssh-keygen -lf prints for /etc/ssh/ssh_host_*_key.pub on the host's "
            "own console"
        )
        scan = f"ssh-keyscan -p {self._port} {self._host}"
        if self._trusted or (key is None and self._knows(self._host, "", self._port)):
            name = self._host if self._port == _DEFAULT_PORT else f"[{self._host}]:{self._port}"
            return Denied(
                f"{self._where} shows another host key than the known one: {shown}",
                f"somebody may stand between: {compare}; only if it is right, "
                f"ssh-keygen -R '{name}' and {scan} >> ~/.ssh/known_hosts",
                failure="host-key-changed",
            )
        return Denied(
            f"the host key of {self._where} is not known: {shown}",
            f"{compare}; if it is the same, {scan} >> ~/.ssh/known_hosts",
            failure="host-key-unknown",
        )

    def _unreachable(self, error: OSError) -> Missing:
        if isinstance(error, socket.gaierror):
            return Unreachable(
                f"the name {self._host} is not known: {error.strerror or error}",
                "correct the address, or the name servers of this machine",
                failure="name-unknown",
            )
        codes = {int(code) for code in re.findall(r"\[Errno (\d+)\]", str(error))}
        codes |= {error.errno} if error.errno else set()
        if errno.ECONNREFUSED in codes:
            return Unreachable(
                f"{self._where} refused the connection",
                "start sshd on the host, or correct the port",
                failure="refused",
            )
        if codes & _NO_ROUTE:
            return Unreachable(
                f"there is no route to {self._where}",
                "see whether the host is up, and the network between (ip route get)",
                failure="no-route",
            )
        if codes & _BROKEN:
            return self._broken_off()
        if errno.ETIMEDOUT in codes:
            return self.silent(0)
        return Unreachable(f"{self._where}: {error.strerror or error}")


def _watching(login: _Login) -> asyncssh.SSHClient:
    """A client that tells the login what it meets."""
    import asyncssh  # noqa: PLC0415

    class Watching(asyncssh.SSHClient):
        def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
            login.made(conn)

        def connection_lost(self, _: Exception | None) -> None:
            login.lost()

        def validate_host_public_key(
            self, host: str, addr: str, port: int, key: asyncssh.SSHKey
        ) -> bool:
            login.refuse(host, addr, port, key)
            return False

    return Watching()


def _known_hosts(own: str | None, configured: Any) -> asyncssh.SSHKnownHosts:
    """The known hosts of the inventory's file, else of SSH config, else of the usual files."""
    import asyncssh  # noqa: PLC0415

    known = asyncssh.import_known_hosts("")
    if own is not None:
        files = [own]
    elif isinstance(configured, list) and configured:
        files = [str(file) for file in configured]
    else:
        files = ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"]
    for file in (*files, *([] if own else [str(_SYSTEM_KNOWN_HOSTS)])):
        try:
            text = Path(file).expanduser().read_text(errors="replace")
        except OSError:
            continue
        for line in text.splitlines():
            # ssh passes over a line that it does not understand, so we do.
            with contextlib.suppress(ValueError):
                known.load(line)
    return known

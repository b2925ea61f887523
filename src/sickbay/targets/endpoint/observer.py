"""Observe an endpoint as a client sees it: name, addresses, TLS, and one HTTP exchange."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from sickbay.errors import Missing, NotApplicable, TimedOut, Unreachable, Unreadable
from sickbay.inventory.endpoint import EndpointEntry
from sickbay.targets.endpoint import lookup, web
from sickbay.targets.endpoint.ask import Exchange, Handshake, Knock, Lookup
from sickbay.targets.endpoint.handshake import knock, shake
from sickbay.targets.probe import Probe
from sickbay.targets.threads import in_thread

MOST_ADDRESSES = 4
_PORTS = {"http": 80, "https": 443}


async def observe(probe: Probe) -> None:
    """Have every wanted fact, in the ways of looking that they need, side by side."""
    entry = probe.target.entry
    assert isinstance(entry, EndpointEntry)
    place = _Place(entry)
    _check_authorities(entry, place)
    await _together(_name_servers(probe, place), _addresses_then_all(probe, entry, place))


async def _together(*looks: Awaitable[None]) -> None:
    """Look in several ways side by side; one that fails lets the others come to their end."""
    for result in await asyncio.gather(*looks, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


class _Place:
    """Where the URL points."""

    def __init__(self, entry: EndpointEntry) -> None:
        try:
            parts = urlsplit(entry.url.get_secret_value())
            scheme, host, port = parts.scheme, parts.hostname, parts.port
        except ValueError:  # brackets that do not match, a port that is none
            scheme, host, port = "", None, None
        if scheme not in _PORTS or not host:
            raise Unreachable(
                "the URL is not an http:// or https:// address",
                "mend the url in the inventory",
                failure="bad-url",
            )
        self.host = host
        self.secure = scheme == "https"
        self.port = port or _PORTS[scheme]

    @property
    def named(self) -> bool:
        """Whether name servers are asked for it at all."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return self.host != "localhost" and not self.host.endswith(".localhost")
        return False


def _check_authorities(entry: EndpointEntry, place: _Place) -> None:
    """Tell an unusable ``ca_file`` for what it is, and not for a fault of the endpoint."""
    if not place.secure or entry.ca_file is None:
        return
    try:
        ssl.create_default_context(cafile=entry.ca_file)
    except OSError as error:  # SSLError is one
        raise Unreachable(
            f"the ca_file {entry.ca_file} cannot be used: {error.strerror or error}",
            "mend the ca_file in the inventory: a PEM file with the authorities' certificates",
            failure="bad-ca-file",
        ) from None


async def _addresses_then_all(probe: Probe, entry: EndpointEntry, place: _Place) -> None:
    try:
        found = await in_thread(socket.getaddrinfo, place.host, place.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise Unreachable(
            f"the name {place.host} is not known: {error.strerror}",
            "correct the host in the URL, or its DNS entry",
            failure="name-unknown",
        ) from None
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))[:MOST_ADDRESSES]
    await _together(
        _knocks(probe, place, addresses),
        _handshakes(probe, entry, place, addresses),
        _exchange(probe, entry, place),
    )


async def _exchange(probe: Probe, entry: EndpointEntry, place: _Place) -> None:
    where = f"{place.host}:{place.port}"
    try:
        answer = await in_thread(web.exchange, entry, probe.deadline * 0.9)
    except TimeoutError as error:
        raise TimedOut(
            f"{where}: {error}",
            "look for a firewall that drops, or a service that hangs",
            failure="silent",
        ) from None
    except OSError as error:  # requests' exceptions are
        raise _failed(error, where) from None
    probe.reached()
    for spec in probe.wanted:
        if isinstance(spec.request, Exchange):
            probe.answer(spec, answer)


async def _knocks(probe: Probe, place: _Place, addresses: list[str]) -> None:
    seconds = probe.deadline / 3
    await _each(probe, Knock, lambda address: knock(address, place.port, seconds), addresses)


async def _handshakes(
    probe: Probe, entry: EndpointEntry, place: _Place, addresses: list[str]
) -> None:
    if not place.secure:
        _absent(probe, Handshake, "it is plain HTTP")
        return
    seconds = probe.deadline / 3
    await _each(
        probe,
        Handshake,
        lambda address: shake(address, place.port, place.host, entry.ca_file, seconds),
        addresses,
    )


async def _name_servers(probe: Probe, place: _Place) -> None:
    servers = lookup.name_servers() if place.named else []
    if not servers:
        _absent(probe, Lookup, f"no name server is asked for {place.host}")
        return
    seconds = probe.deadline / 3
    await _each(probe, Lookup, lambda server: lookup.ask(server, place.host, seconds), servers)


async def _each(
    probe: Probe,
    request: type,
    look: Callable[[str], object],
    items: list[str],
) -> None:
    """Answer the facts of one way of looking with what every item gives."""
    specs = [spec for spec in probe.wanted if isinstance(spec.request, request)]
    if specs:
        raw = await asyncio.gather(*(in_thread(look, item) for item in items))
        for spec in specs:
            probe.answer(spec, raw)


def _absent(probe: Probe, request: type, reason: str) -> None:
    for spec in probe.wanted:
        if isinstance(spec.request, request):
            probe.absent(spec, NotApplicable(reason))


_FAILURES: tuple[tuple[tuple[str, ...], type[Missing], str, str], ...] = (
    (("certificate verify failed", "CERTIFICATE_VERIFY_FAILED"), Unreachable, "tls-failed",
     "look at the certificate: expiry, names, chain"),
    (("SSLError", "WRONG_VERSION_NUMBER", "wrong version number"), Unreachable, "tls-failed",
     "something that speaks no TLS listens there; compare port and scheme"),
    (("TooManyRedirects",), Unreadable, "redirect-loop",
     "mend the rules that redirect; curl -sIL URL shows where they lead"),
    (("NameResolutionError",), Unreachable, "name-unknown", "correct the host in the URL, or its DNS entry"),
    (("refused",), Unreachable, "refused", "start the service; compare the port in the URL"),
    (("No route", "unreachable"), Unreachable, "no-route", "look at routes and firewalls in between"),
    (("Timeout", "timed out"), TimedOut, "silent",
     "look for a firewall that drops, or a service that hangs"),
    (("BadStatusLine", "InvalidHeader", "DecodeError", "IncompleteRead", "ContentDecodingError"),
     Unreadable, "garbage", "something else listens there; compare the port"),
)  # fmt: skip


def _failed(error: Exception, where: str) -> Missing:
    """What went wrong below the answer; told from the texts, as requests wraps what it wraps."""
    text = f"{type(error).__name__}: {error}"
    reason = str(getattr(error.args[0], "reason", error) if error.args else error)
    short = reason.rpartition(": ")[2].strip("'\")") or type(error).__name__
    for words, missing, failure, remedy in _FAILURES:
        if any(word in text for word in words):
            return missing(f"{where}: {short}", remedy, failure=failure)
    return Unreachable(
        f"{where}: the connection broke off: {short}",
        "read the service's log",
        failure="broken-off",
    )

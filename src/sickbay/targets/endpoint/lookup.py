"""Questions to name servers."""

from __future__ import annotations

import time
from typing import Any

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver

from sickbay.targets.endpoint.ask import SILENT

MOST_SERVERS = 3
"""resolv.conf(5) knows no more."""


def name_servers() -> list[str]:
    """The name servers of this machine."""
    try:
        return [str(server) for server in dns.resolver.Resolver().nameservers][:MOST_SERVERS]
    except dns.exception.DNSException:
        return []


def ask(server: str, name: str, seconds: float) -> dict[str, Any]:
    """What one name server says of a name's addresses."""
    started = time.monotonic()
    question = dns.message.make_query(name, dns.rdatatype.A)
    try:
        answer = dns.query.udp(question, server, timeout=seconds)
    except (dns.exception.DNSException, OSError) as error:
        seconds = round(time.monotonic() - started, 6)
        failure = str(error) or type(error).__name__
        return {"server": server, "answer": SILENT, "failure": failure, "seconds": seconds}
    records = [r for rrset in answer.answer for r in rrset if r.rdtype == dns.rdatatype.A]
    return {
        "server": server,
        "answer": dns.rcode.to_text(answer.rcode()),
        "addresses": tuple(sorted(str(record) for record in records)),
        "ttl": min((rrset.ttl for rrset in answer.answer), default=0),
        "seconds": round(time.monotonic() - started, 6),
    }

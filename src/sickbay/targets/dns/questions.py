"""Questions to name servers (RFC 1035), each with a time limit, over UDP and, if cut off, TCP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from sickbay.targets.dns.ask import SILENT, Answer

_POINTING = {"SRV": "target", "MX": "exchange", "NS": "target"}
"""Records that point at a name, which needs an address of its own."""


class Server:
    """One name server. ``recursive`` asks it to find out what it does not know itself."""

    def __init__(self, address: str, port: int, seconds: float, *, recursive: bool) -> None:
        self.address, self.port = address, port
        self._seconds = seconds
        self._recursive = recursive

    async def ask(self, name: str, record: str) -> Answer:
        """What it says of a name's records of a type; ``address`` is A, or else AAAA."""
        if record != "address":
            return await self._ask(name, record, record)
        first = await self._ask(name, "A", record)
        if first.outcome != "NOERROR" or first.values:
            return first
        second = await self._ask(name, "AAAA", record)
        return second if second.values else first

    async def with_targets(self, answer: Answer) -> Answer:
        """The answer with those of its targets that have no address."""
        if answer.record not in _POINTING:
            return answer
        targets = sorted({value.split()[-1] for value in answer.values})
        found = await asyncio.gather(*(self.ask(target, "address") for target in targets))
        lacking = tuple(one.name for one in found if not one.values)
        return Answer(
            answer.name, answer.record, answer.server, answer.outcome, answer.values, answer.owner,
            answer.seconds, answer.failure, lacking,
        )  # fmt: skip

    async def referral(self, zone: str) -> Answer:
        """The name servers that it names for a zone below its own, as a referral or as an answer."""
        return await self._ask(zone, "NS", "NS", referral=True)

    async def refuses(self) -> bool:
        """Whether nobody listens there: over UDP that cannot be told from silence."""
        try:
            async with asyncio.timeout(self._seconds):
                _, writer = await asyncio.open_connection(self.address, self.port)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        writer.close()
        return False

    async def _ask(self, name: str, kind: str, record: str, *, referral: bool = False) -> Answer:
        question = dns.message.make_query(name, kind)
        if not self._recursive:
            question.flags &= ~dns.flags.RD
        started = time.monotonic()
        try:
            answer, _ = await dns.asyncquery.udp_with_fallback(
                question, self.address, timeout=self._seconds, port=self.port
            )
        except (dns.exception.DNSException, OSError, EOFError) as error:
            took = round(time.monotonic() - started, 6)
            why = str(error) or type(error).__name__
            return Answer(name, record, self.address, SILENT, seconds=took, failure=why)
        wanted = dns.rdatatype.from_text(kind)
        owner = dns.name.from_text(name)
        sections = [*answer.answer, *(answer.authority if referral else ())]
        return Answer(
            name=name,
            record=record,
            server=self.address,
            outcome=dns.rcode.to_text(answer.rcode()),
            values=_texts(rrset for rrset in sections if rrset.rdtype == wanted),
            owner=_texts((rrset for rrset in answer.answer if rrset.name == owner), alias=wanted),
            seconds=round(time.monotonic() - started, 6),
        )


def _texts(
    rrsets: Iterable[dns.rrset.RRset], alias: dns.rdatatype.RdataType | None = None
) -> tuple[str, ...]:
    """Records as text, without the dot at the end of names; ``CNAME`` ahead where that was not asked."""
    texts = []
    for rrset in rrsets:
        if alias is not None and rrset.rdtype not in {alias, dns.rdatatype.CNAME}:
            continue
        ahead = "CNAME " if alias is not None and rrset.rdtype != alias else ""
        for record in rrset:
            text = record.to_text().removesuffix(".")
            texts.append(ahead + (text if rrset.rdtype == dns.rdatatype.TXT else text.lower()))
    return tuple(sorted(texts))

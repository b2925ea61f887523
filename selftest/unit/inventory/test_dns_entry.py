"""What an inventory may say of name resolution."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from sickbay.inventory.dns import DnsEntry, split_server


@pytest.mark.parametrize(
    ("written", "server"),
    [
        ("10.0.0.2", ("10.0.0.2", 53)),
        ("10.0.0.2:5353", ("10.0.0.2", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
    ],
)
def test_resolver_is_an_address_with_or_without_port(written: str, server: tuple[str, int]) -> None:
    """Of either kind, as people write them."""
    assert split_server(written) == server
    assert DnsEntry(resolver=written).resolver == written


@pytest.mark.parametrize("written", ["ns.example.com", "", "10.0.0.2:x", "10.0.0.2.3", "[::1]"])
def test_resolver_that_is_no_address_is_an_error(written: str) -> None:
    """A name would need a resolver to find the resolver."""
    with pytest.raises(ValidationError, match="the address of a name server such as"):
        DnsEntry(resolver=written)


@pytest.mark.parametrize("name", ["a b", "a..b", "-" * 64, "x." * 130, "a;b"])
def test_name_that_is_none_is_an_error(name: str) -> None:
    """Before anybody is asked for it."""
    with pytest.raises(ValidationError, match="a domain name such as"):
        DnsEntry(names={name: {}})

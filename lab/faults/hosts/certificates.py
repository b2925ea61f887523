"""The certificate on app1's disk is not what it should be; nginx goes on with what it has read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

from lab.certificates import Authority
from lab.fault import fault
from lab.worlds.hosts import Hosts

LIVE = "/etc/letsencrypt/live/shop"
RENEWAL = "/etc/letsencrypt/renewal/shop.conf"


@contextmanager
def _other_certificate(
    hosts: Hosts, *names: str, valid_for: dt.timedelta = dt.timedelta(days=90)
) -> Iterator[None]:
    """Another one in the same file, with its own private key."""
    issued = hosts.authority.server(*names, valid_for=valid_for)
    place = hosts.app1.root / LIVE.lstrip("/")
    kept = {name: (place / name).read_bytes() for name in ("fullchain.pem", "privkey.pem")}
    (place / "fullchain.pem").write_bytes(issued.certificate)
    (place / "privkey.pem").write_bytes(issued.key)
    yield
    for name, content in kept.items():
        (place / name).write_bytes(content)


@fault(
    "host.certificate-unusable",
    on="app1",
    cause="its file is missing, or a link to nothing",
    proves=["claudebox:ssl-certificate-issues/certificate-readable"],
)
def link_to_certificate_leads_nowhere(hosts: Hosts) -> Iterator[None]:
    """The archive that the link in live leads to was cleared away."""
    hosts.app1.run(
        f"mv {LIVE}/fullchain.pem {LIVE}/kept; ln -s ../../archive/gone.pem {LIVE}/fullchain.pem"
    )
    yield
    hosts.app1.run(f"mv {LIVE}/kept {LIVE}/fullchain.pem")


@fault("host.certificate-unusable", on="app1", cause="its file holds no certificate in PEM")
def certificate_was_cut_off(hosts: Hosts) -> Iterator[None]:
    """Only its first line has come through."""
    hosts.app1.run(
        f"cp -p {LIVE}/fullchain.pem /root/kept; head -n 1 /root/kept >{LIVE}/fullchain.pem"
    )
    yield
    hosts.app1.run(f"mv /root/kept {LIVE}/fullchain.pem")


@fault(
    "host.certificate-unusable",
    on="app1",
    cause="the private key beside it belongs to another certificate",
)
def only_the_key_was_replaced(hosts: Hosts) -> Iterator[None]:
    """A new pair was put in place, but for the certificate."""
    hosts.app1.run(f"cp -p {LIVE}/privkey.pem /root/kept")
    key = hosts.app1.root / LIVE.lstrip("/") / "privkey.pem"
    key.write_bytes(Authority("another").server("app1.lab").key)
    yield
    hosts.app1.run(f"mv /root/kept {LIVE}/privkey.pem")


@fault(
    "host.certificate-unusable",
    on="app1",
    cause="its private key is missing or cannot be read",
)
def private_key_was_deleted(hosts: Hosts) -> Iterator[None]:
    """The certificate is there, its key is not."""
    hosts.app1.run(f"mv {LIVE}/privkey.pem /root/kept")
    yield
    hosts.app1.run(f"mv /root/kept {LIVE}/privkey.pem")


@fault(
    "host.certificate-expiring",
    on="app1",
    cause="its renewal is due and has not happened",
    proves=["claudebox:ssl-certificate-issues/certificate-file-days"],
)
def certificate_on_disk_nears_its_end(hosts: Hosts) -> Iterator[None]:
    """Twelve days are left of it."""
    with _other_certificate(hosts, "app1.lab", valid_for=dt.timedelta(days=12)):
        yield


@fault("host.certificate-expiring", on="app1", cause="it has expired")
def certificate_on_disk_has_expired(hosts: Hosts) -> Iterator[None]:
    """It was good until yesterday."""
    with _other_certificate(hosts, "app1.lab", valid_for=-dt.timedelta(days=1)):
        yield


@fault(
    "host.certificate-not-renewed",
    on="app1",
    cause="certbot has no settings to renew it by",
    proves=["claudebox:ssl-certificate-issues/certbot-lineage-valid"],
)
def certbot_has_lost_its_lineage(hosts: Hosts) -> Iterator[None]:
    """The renewal's settings were deleted."""
    hosts.app1.run(f"mv {RENEWAL} /root/kept")
    yield
    hosts.app1.run(f"mv /root/kept {RENEWAL}")


@fault(
    "host.certificate-not-renewed",
    on="app1",
    cause="certbot renews another file than this one",
)
def certbot_renews_another_file(hosts: Hosts) -> Iterator[None]:
    """A second lineage, shop-0001, has taken over."""
    hosts.app1.run(f"sed -i.kept s,live/shop,live/shop-0001, {RENEWAL}")
    yield
    hosts.app1.run(f"mv {RENEWAL}.kept {RENEWAL}")


@fault(
    "host.certificate-not-renewed",
    on="app1",
    cause="it comes from the authority's staging server, which nobody trusts",
)
def certbot_asks_the_staging_server(hosts: Hosts) -> Iterator[None]:
    """Somebody has tried it out and left it at that."""
    hosts.app1.run(f"sed -i.kept s,acme-v02,acme-staging-v02, {RENEWAL}")
    yield
    hosts.app1.run(f"mv {RENEWAL}.kept {RENEWAL}")


@fault(
    "host.certificate-wrong-name",
    on="app1",
    cause="it was issued for other names",
    proves=["claudebox:ssl-certificate-issues/certbot-lineage-valid"],
)
def certificate_on_disk_is_for_another_name(hosts: Hosts) -> Iterator[None]:
    """The shop's old name is all that it covers."""
    with _other_certificate(hosts, "old.lab"):
        yield


@fault(
    "endpoint.certificate-expiring",
    on="shop",
    cause="the renewed one lies on disk, and the server has not loaded it",
    also=["endpoint.certificate-expiring@page"],
)
def renewed_certificate_was_not_loaded(hosts: Hosts) -> Iterator[None]:
    """Certbot has renewed the shop's certificate, and nginx goes on showing the old one."""
    hosts.certificate(valid_for=dt.timedelta(days=5))
    yield
    hosts.certificate()

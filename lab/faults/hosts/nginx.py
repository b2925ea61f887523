"""nginx's configuration is broken, or says something else than it should."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.fault import fault
from lab.worlds.hosts import Hosts
from lab.worlds.hosts_sites import SITE, TEXT

LINK = "/etc/nginx/sites-enabled/desk"


@contextmanager
def _edited(hosts: Hosts, edit: str) -> Iterator[None]:
    """The site after a sed script, loaded."""
    hosts.app1.run(f"sed -i '{edit}' {SITE}")
    hosts.reload()
    yield
    hosts.app1.run(f"cat >{SITE} <<'END'\n{TEXT}END")
    hosts.reload()


@fault(
    "host.nginx-config-invalid",
    on="app1",
    cause="a directive is not ended, not known, or not allowed where it stands",
    also=["host.process-outdated@app1"],
    proves=[
        "ai-orchestrator-hub:websocket-refused/nginx-config-valid",
        "claudebox:ssl-certificate-issues/nginx-config-valid",
    ],
)
def semicolon_was_left_out(hosts: Hosts) -> Iterator[None]:
    """nginx runs on with what it has read before."""
    hosts.app1.run(f"sed -i 's/desk.lab;/desk.lab/' {SITE}")
    yield
    hosts.app1.run(f"sed -i 's/desk.lab/desk.lab;/' {SITE}")
    hosts.reload()


@fault(
    "host.nginx-config-invalid",
    on="app1",
    cause="a file that it names is not there, or cannot be used",
    also=["host.process-outdated@app1"],
)
def certificate_of_the_site_was_moved(hosts: Hosts) -> Iterator[None]:
    """The site names where it will be from tomorrow on."""
    hosts.app1.run(f"sed -i 's#/etc/ssl/shop.pem#/etc/ssl/desk.pem#' {SITE}")
    yield
    hosts.app1.run(f"sed -i 's#/etc/ssl/desk.pem#/etc/ssl/shop.pem#' {SITE}")
    hosts.reload()


@fault(
    "host.nginx-site-wrong",
    on="app1",
    cause="its file is in sites-available and not enabled",
    proves=["claudebox:ssl-certificate-issues/nginx-site-enabled"],
    also=["host.nginx-backend-off@app1"],
)
def link_of_the_site_was_removed(hosts: Hosts) -> Iterator[None]:
    """Somebody tidied up."""
    hosts.app1.run(f"rm {LINK}")
    hosts.reload()
    yield
    hosts.app1.run(f"ln -s {SITE} {LINK}")
    hosts.reload()


@fault(
    "host.nginx-site-wrong",
    on="app1",
    cause="no file has a server of this name",
    proves=["claudebox:ssl-certificate-issues/nginx-site-enabled"],
)
def site_has_another_name(hosts: Hosts) -> Iterator[None]:
    """The name was mistyped."""
    with _edited(hosts, "s/desk\\.lab/desk.lap/"):
        yield


@fault("host.nginx-site-wrong", on="app1", cause="it names another certificate")
def site_names_another_certificate(hosts: Hosts) -> Iterator[None]:
    """That of an earlier name."""
    old = "/etc/ssl/old.pem"
    hosts.app1.run(f"cp /etc/ssl/shop.pem {old}")
    with _edited(hosts, f"s#/etc/ssl/shop.pem#{old}#"):
        yield
    hosts.app1.run(f"rm {old}")


@fault("host.nginx-site-wrong", on="app1", cause="it passes requests to another backend")
def site_passes_to_another_port(hosts: Hosts) -> Iterator[None]:
    """The service moved back, and the site did not."""
    with _edited(hosts, "s#proxy_pass http://desk/#proxy_pass http://127.0.0.1:8002/#"):
        yield


@fault(
    "host.nginx-backend-off",
    on="app1",
    cause="it was left marked down, as a backup, or with less weight",
    proves=["ai-orchestrator-hub:restoration-incomplete/backend-enabled"],
)
def backend_was_left_down(hosts: Hosts) -> Iterator[None]:
    """Traffic was taken away for a repair."""
    with _edited(hosts, "s/server 127.0.0.1:8000;/server 127.0.0.1:8000 down;/"):
        yield


@fault(
    "host.nginx-backend-off",
    on="app1",
    cause="it was left marked down, as a backup, or with less weight",
    proves=["ai-orchestrator-hub:restoration-incomplete/backend-enabled"],
)
def backend_gets_less_than_the_other(hosts: Hosts) -> Iterator[None]:
    """Traffic was to return step by step, and the last step was forgotten."""
    with _edited(hosts, "s/weight=1/weight=9/"):
        yield


@fault(
    "host.nginx-backend-off", on="app1", cause="the maintenance answer was left on",
    proves=["ai-orchestrator-hub:restoration-incomplete/backend-enabled"],
)  # fmt: skip
def maintenance_answer_was_left_on(hosts: Hosts) -> Iterator[None]:
    """The work is done."""
    with _edited(hosts, "s/listen 127/return 503; listen 127/"):
        yield


@fault(
    "host.nginx-backend-off", on="app1", cause="it is not in the upstream any more",
    proves=["ai-orchestrator-hub:restoration-incomplete/backend-enabled"],
)  # fmt: skip
def backend_was_taken_out_of_the_upstream(hosts: Hosts) -> Iterator[None]:
    """The second one takes all that comes."""
    with _edited(hosts, "s/server 127.0.0.1:8000;/server 127.0.0.1:8002;/"):
        yield

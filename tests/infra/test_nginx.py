"""nginx takes its configuration, and serves the declared sites by the declared backends."""

from __future__ import annotations

import re

from sickbay.inventory.host import HostEntry
from sickbay.judge import offenders
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.nginx import (
    NginxConfiguration,
    idle_backends,
    must_be_tested,
    wrong_sites,
)

_FILE = re.compile("No such file|cannot load|Permission denied|PEM_read|key values mismatch")
"""What nginx says of a file; all else is about directives, be it of the next one's lack."""


@symptom(
    "host.nginx-config-invalid",
    severity="critical",
    signals=[
        "ai-orchestrator-hub:websocket-refused/nginx-config-valid",
        "claudebox:ssl-certificate-issues/nginx-config-valid",
    ],
)
def test_nginx_takes_its_configuration(nginx_configuration: NginxConfiguration) -> None:
    """The next reload fails, and after the next restart nginx serves nothing any more."""
    assert offenders([nginx_configuration], lambda one: bool(one.error)) == ()
    must_be_tested(nginx_configuration)


@test_nginx_takes_its_configuration.cause(
    "a file that it names is not there, or cannot be used",
    remedy="Bring the file back, or correct the path; nginx -t, then systemctl reload nginx.",
)
def no_file(nginx_configuration: NginxConfiguration) -> object:
    return [nginx_configuration] if _FILE.search(nginx_configuration.error) else []


@test_nginx_takes_its_configuration.cause(
    "a directive is not ended, not known, or not allowed where it stands",
    remedy="Correct the line that nginx -t names (often the one before lacks its semicolon), test again, "
    "then systemctl reload nginx.",
)
def wrong_directive(nginx_configuration: NginxConfiguration) -> object:
    error = nginx_configuration.error
    return [nginx_configuration] if error and not _FILE.search(error) else []


@symptom(
    "host.nginx-site-wrong",
    severity="critical",
    signals=["claudebox:ssl-certificate-issues/nginx-site-enabled"],
)
def test_nginx_serves_the_declared_sites(
    nginx_configuration: NginxConfiguration, declared: HostEntry
) -> None:
    """Requests for this name get another site's answer and certificate, or reach another program."""
    assert offenders(wrong_sites(declared, nginx_configuration), lambda _: True) == ()


@test_nginx_serves_the_declared_sites.cause(
    "its file is in sites-available and not enabled",
    remedy="ln -s ../sites-available/NAME /etc/nginx/sites-enabled/, nginx -t, systemctl reload nginx.",
)
def not_enabled(nginx_configuration: NginxConfiguration, declared: HostEntry) -> object:
    wrong = wrong_sites(declared, nginx_configuration)
    return [one for one in wrong if not one.served and one.waiting]


@test_nginx_serves_the_declared_sites.cause(
    "no file has a server of this name",
    remedy="Bring the site's file back from the deployment, or correct its server_name.",
)
def no_server(nginx_configuration: NginxConfiguration, declared: HostEntry) -> object:
    wrong = wrong_sites(declared, nginx_configuration)
    return [one for one in wrong if not one.served and not one.waiting]


@test_nginx_serves_the_declared_sites.cause(
    "it names another certificate",
    remedy="Put the path of the current certificate (fullchain.pem) into ssl_certificate, its key "
    "beside it, and reload nginx.",
)
def other_certificate(nginx_configuration: NginxConfiguration, declared: HostEntry) -> object:
    return [one for one in wrong_sites(declared, nginx_configuration) if one.other_certificate]


@test_nginx_serves_the_declared_sites.cause(
    "it passes requests to another backend",
    remedy="Put the port that the service listens on into proxy_pass or the upstream, and reload nginx.",
)
def other_backend(nginx_configuration: NginxConfiguration, declared: HostEntry) -> object:
    return [one for one in wrong_sites(declared, nginx_configuration) if one.other_backend]


@symptom(
    "host.nginx-backend-off",
    severity="major",
    signals=["ai-orchestrator-hub:restoration-incomplete/backend-enabled"],
)
def test_nginx_sends_requests_to_all_its_backends(
    nginx_configuration: NginxConfiguration, declared: HostEntry
) -> None:
    """After work on a backend traffic does not return to it by itself."""
    assert offenders(idle_backends(declared, nginx_configuration), lambda _: True) == ()


@test_nginx_sends_requests_to_all_its_backends.cause(
    "it was left marked down, as a backup, or with less weight",
    remedy="Once its health is good, take down, backup or the weight out of the upstream and reload nginx.",
)
def left_down(nginx_configuration: NginxConfiguration, declared: HostEntry) -> object:
    return [
        one
        for one in idle_backends(declared, nginx_configuration)
        if one.trouble in {"down", "backup", "weight"}
    ]


@test_nginx_sends_requests_to_all_its_backends.cause(
    "it is not in the upstream any more",
    remedy="Put it back into the upstream and reload nginx.",
)
def taken_out(nginx_configuration: NginxConfiguration, declared: HostEntry) -> object:
    return [one for one in idle_backends(declared, nginx_configuration) if one.trouble == "absent"]


@test_nginx_sends_requests_to_all_its_backends.cause(
    "the maintenance answer was left on",
    remedy="Take the return 503 out of the site and reload nginx.",
)
def left_in_maintenance(nginx_configuration: NginxConfiguration, declared: HostEntry) -> object:
    return [
        one for one in idle_backends(declared, nginx_configuration) if one.trouble == "maintenance"
    ]

"""nginx's configuration: its grammar, what is kept of it, and what is wanted of it."""

from __future__ import annotations

from typing import Any

import pytest

from selftest.unit.host.test_host_parsers import sectioned, told, value
from sickbay.errors import NotApplicable, Unsupported
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.facts.nginx import (
    NginxConfiguration,
    idle_backends,
    wrong_sites,
)
from sickbay.targets.host.nginx import Directive, directives

GOOD = "nginx: configuration file /etc/nginx/nginx.conf test is successful\n"


def _found(dump: str, said: str = GOOD, waiting: str = "") -> NginxConfiguration:
    raw = sectioned(state="runs", dump=dump, said=f"{said}end", waiting=waiting, end="")
    found: NginxConfiguration = told("nginx_configuration", raw).value
    return found


def _entry(**nginx: Any) -> HostEntry:
    return HostEntry(nginx=nginx)


# ---------------------------------------------------------------------- grammar


def test_directives_quotes_comments_and_variables_are_taken_apart() -> None:
    """By nginx's own rules: a brace within a variable or a quote opens nothing."""
    text = """a "x; {" 'y\\'' ${z}w; # b {
    c { d; e "\\"" { f $1; } }\tif ($g ~ "^h{2}$") { return 1; }"""
    assert directives(text) == (
        Directive(name="a", arguments=("x; {", "y\\'", "${z}w")),
        Directive(
            name="c",
            block=(
                Directive(name="d"),
                Directive(name="e", arguments=('\\"',), block=(Directive(name="f", arguments=("$1",)),)),
            ),
        ),
        Directive(
            name="if", arguments=("($g", "~", "^h{2}$", ")"),
            block=(Directive(name="return", arguments=("1",)),),
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    "text", ["a {", "a", "}", "a; }", "{ a; }", '"a', "a {" * 50 + "}" * 50, "a { b }"]
)
def test_directives_malformed_text_is_an_error(text: str) -> None:
    """It is never read as a configuration without sites."""
    with pytest.raises(ValueError, match=r"block|quote|directive"):
        directives(text)


# ---------------------------------------------------------------------- what is kept


def test_nginx_debian_has_its_sites_and_backends() -> None:
    """A recorded answer of the lab's machine."""
    found = value("nginx_configuration.debian")
    assert found.error == ""
    assert {"app1.lab", "desk.lab"} <= {name for site in found.sites for name in site.names}
    assert [(one.address, one.weight) for one in found.backends] == [
        ("127.0.0.1:8000", 1),
        ("127.0.0.1:8001", 1),
    ]


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (
            'nginx: [emerg] unknown directive "lisen" in /etc/nginx/x:3\nnginx: test failed\n',
            'unknown directive "lisen" in /etc/nginx/x:3',
        ),
        ("", "it said nothing"),
        ("Killed\n", "Killed"),
    ],
)
def test_nginx_that_refuses_says_why(said: str, error: str) -> None:
    """Whatever does not say that the test was successful is a failure."""
    assert _found("", said).error == error


def test_nginx_that_does_not_run_is_not_applicable() -> None:
    """And one that is not declared."""
    assert told("nginx_configuration", sectioned(state="idle", end="")).absent
    assert told("nginx_configuration", "").absent


@pytest.mark.parametrize(
    "raw",
    [
        "garbage",
        sectioned(state="runs", dump="a {", said=f"{GOOD}end", waiting="", end=""),
        sectioned(state="runs", dump="a;", said=GOOD, waiting="", end=""),
        sectioned(state="runs", dump="a;", said=f"{GOOD}end", waiting=""),
        sectioned(state="what", end=""),
    ],
)
def test_nginx_answer_that_breaks_off_is_unreadable(raw: str) -> None:
    """Never read as fine."""
    gap = told("nginx_configuration", raw).gap
    assert gap is not None
    assert gap.reason == "unreadable"


# ---------------------------------------------------------------------- what is wanted

SITES = """
http { upstream up { server 10.0.0.1:80 weight=5; server 10.0.0.2:80 weight=1; server 10.0.0.3:80 down;
       server 10.0.0.4:80 backup; }
  server { server_name a.b www.a.b; ssl_certificate /a.pem; location / { proxy_pass https://up/x; } }
  server { server_name c.d; location /x { return 503; } location /y { proxy_pass http://10.0.0.9:1; } }
  server { server_name e.f; location / { return 503; } } }
server { server_name g.h; return 503 "back soon"; }
"""


def test_nginx_sites_as_declared_are_not_wrong() -> None:
    """By their own backends, or those of an upstream."""
    sites = {
        "www.a.b": {"certificate": "/a.pem", "passes_to": ["10.0.0.2:80"]},
        "c.d": {"passes_to": ["10.0.0.9:1"]},
        "e.f": {},
    }
    assert wrong_sites(_entry(sites=sites), _found(SITES)) == ()


def test_nginx_sites_otherwise_than_declared_are_wrong() -> None:
    """Absent, waiting to be enabled, with another certificate, or another backend."""
    sites = {
        "x.y": {},
        "z.z": {},
        "a.b": {"certificate": "/b.pem", "passes_to": ["10.0.0.9:1"]},
    }
    wrong = wrong_sites(_entry(sites=sites), _found(SITES, waiting="z.z q.q\nr.r"))
    assert [(one.name, one.served, one.waiting) for one in wrong] == [
        ("x.y", False, False), ("z.z", False, True), ("a.b", True, False),
    ]  # fmt: skip
    assert (wrong[2].other_certificate, wrong[2].other_backend) == (True, True)


def test_nginx_backends_that_traffic_is_kept_from_are_told() -> None:
    """The one with the highest weight has what is normal."""
    servers = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.4:80", "10.0.0.5:80"]
    entry = _entry(upstreams={"up": servers}, sites={"c.d": {}, "e.f": {}, "g.h": {}})
    assert [(one.address, one.trouble) for one in idle_backends(entry, _found(SITES))] == [
        ("10.0.0.2:80", "weight"), ("10.0.0.3:80", "down"), ("10.0.0.4:80", "backup"),
        ("10.0.0.5:80", "absent"), ("e.f", "maintenance"), ("g.h", "maintenance"),
    ]  # fmt: skip


def test_nginx_that_was_not_tested_is_not_healthy() -> None:
    """A log that the test would create, or a configuration that is refused."""
    entry = _entry(sites={"a.b": {}})
    with pytest.raises(Unsupported, match=r"/var/log/x\.log"):
        wrong_sites(entry, NginxConfiguration(lacks="/var/log/x.log"))
    with pytest.raises(NotApplicable):
        wrong_sites(entry, NginxConfiguration(error="x"))
    with pytest.raises(NotApplicable):
        wrong_sites(_entry(), NginxConfiguration())

"""Logins by SSH that this host needs work from it."""

from __future__ import annotations

from sickbay.inventory.host import HostEntry
from sickbay.judge import offenders
from sickbay.symptoms import symptom
from sickbay.targets.host.facts.key_logins import KeyLogin, TriedLogin, tried_logins

Logins = tuple[KeyLogin, ...]


@symptom(
    "host.ssh-silent",
    severity="critical",
    signals=["claudebox:slots-wont-start/slot-host-ssh-banner"],
    explained_by=["host.name-unresolved", "host.firewall-blocks"],
)
def test_ssh_servers_answer(key_logins: Logins, declared: HostEntry) -> None:
    """A host that this one has to log in to does not answer by SSH."""
    assert offenders(tried_logins(declared, key_logins), lambda one: not one.has_banner) == ()


def _silent(logins: Logins, declared: HostEntry, *outcomes: str) -> list[TriedLogin]:
    tried = tried_logins(declared, logins)
    return [one for one in tried if not one.has_banner and one.outcome in outcomes]


@test_ssh_servers_answer.cause(
    "nothing listens there",
    remedy="Start sshd over there (systemctl start ssh), or correct the port.",
)
def refused(key_logins: Logins, declared: HostEntry) -> object:
    return _silent(key_logins, declared, "refused")


@test_ssh_servers_answer.cause(
    "it says nothing: sshd hangs, a firewall drops what comes, or the host is down",
    remedy="See on its console whether it runs and has room (memory, processes, MaxStartups); look at "
    "the firewalls of both hosts.",
)
def silent(key_logins: Logins, declared: HostEntry) -> object:
    return _silent(key_logins, declared, "timed-out")


@test_ssh_servers_answer.cause(
    "there is no way to it, or its name is not known",
    remedy="getent hosts NAME and ip route get ADDRESS there; correct name, route or VPN.",
)
def no_way(key_logins: Logins, declared: HostEntry) -> object:
    return _silent(key_logins, declared, "no-route", "unresolved")


@symptom(
    "host.ssh-login-fails",
    severity="critical",
    signals=["claudebox:slots-wont-start/slot-host-ssh-login"],
)
def test_logins_by_key_work(key_logins: Logins, declared: HostEntry) -> None:
    """A login that has to work without a question does not: what needs it fails, or waits."""
    tried = tried_logins(declared, key_logins)
    assert offenders(tried, lambda one: one.has_banner and one.outcome != "in") == ()


def _failed(logins: Logins, declared: HostEntry, outcome: str) -> list[TriedLogin]:
    tried = tried_logins(declared, logins)
    return [one for one in tried if one.has_banner and one.outcome == outcome]


@test_logins_by_key_work.cause(
    "the key is not accepted over there",
    remedy="Put the public key into authorized_keys of that account (ssh-copy-id -i KEY USER@HOST); "
    "journalctl -u ssh over there says why it was refused.",
)
def not_accepted(key_logins: Logins, declared: HostEntry) -> object:
    return _failed(key_logins, declared, "not-accepted")


@test_logins_by_key_work.cause(
    "others may read the private key, so that ssh does not use it",
    remedy="chmod 600 KEY; where others could read it, make a new pair.",
)
def too_open(key_logins: Logins, declared: HostEntry) -> object:
    return _failed(key_logins, declared, "key-too-open")


@test_logins_by_key_work.cause(
    "the other host's key is not known, or is another than before",
    remedy="Find out whether the host was made anew. If so, ssh-keygen -R HOST, and add its key after "
    "comparing the fingerprint; if not, somebody stands in between.",
)
def host_unknown(key_logins: Logins, declared: HostEntry) -> object:
    return _failed(key_logins, declared, "host-unknown")


@test_logins_by_key_work.cause(
    "it comes in, and may run nothing there",
    remedy="See the account's shell (/etc/passwd), a forced command in authorized_keys, and its quota.",
)
def command_failed(key_logins: Logins, declared: HostEntry) -> object:
    return _failed(key_logins, declared, "command-failed")

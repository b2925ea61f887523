"""Hosts let us in."""

from __future__ import annotations

from sickbay.symptoms import symptom
from sickbay.targets.probe import Contact


@symptom("host.unreachable", severity="critical")
def test_host_answers(contact: Contact) -> None:
    """Nothing can be said of a host that does not let us in; mostly nobody else gets in either."""
    assert contact.outcome == "answered"


def _when(contact: Contact, *failures: str) -> Contact | None:
    return contact if contact.failure in failures else None


@test_host_answers.cause(
    "sshd does not run there, or listens on another port",
    remedy="On the host's console: systemctl status ssh; sshd -T | grep ^port. Correct the port in the "
    "inventory if it moved.",
)
def refused(contact: Contact) -> object:
    return _when(contact, "refused")


@test_host_answers.cause(
    "the host is off, or the network to it is broken",
    remedy="See whether it is up (provider's console); ip route get ADDRESS shows the way from here.",
)
def no_route(contact: Contact) -> object:
    return _when(contact, "no-route")


@test_host_answers.cause(
    "its name is not known here",
    remedy="Correct the address in the inventory or SSH config, or this machine's name servers.",
)
def name_unknown(contact: Contact) -> object:
    return _when(contact, "name-unknown")


@test_host_answers.cause(
    "the host hangs, or a firewall drops what is sent to it",
    remedy="Try its console. If that answers, look at the firewalls between (ufw status, security "
    "groups); if not, memory or disk has brought it to a stop.",
)
def silent(contact: Contact) -> object:
    return _when(contact, "silent")


@test_host_answers.cause(
    "sshd drops connections before the login",
    remedy="journalctl -u ssh on its console: too many logins at once (MaxStartups), a ban of this "
    "address (fail2ban-client status sshd), no memory for a new process.",
)
def broken_off(contact: Contact) -> object:
    return _when(contact, "broken-off")


@test_host_answers.cause(
    "something else than sshd answers there",
    remedy="Correct address and port in the inventory or in SSH config.",
)
def something_else(contact: Contact) -> object:
    return _when(contact, "garbage", "no-common-algorithm")


@test_host_answers.cause(
    "its host key is not known here",
    remedy="Compare the fingerprint with the one on the host's console, then add it with ssh-keyscan.",
)
def host_key_unknown(contact: Contact) -> object:
    return _when(contact, "host-key-unknown")


@test_host_answers.cause(
    "its host key is another than it was: the host was made anew, or somebody stands between",
    remedy="Ask who reinstalled it and compare the fingerprint on its console, before ssh-keygen -R "
    "and ssh-keyscan.",
)
def host_key_changed(contact: Contact) -> object:
    return _when(contact, "host-key-changed")


@test_host_answers.cause(
    "the login is refused",
    remedy="Set user and identity_file for this host, or add the public key to the user's "
    "authorized_keys there.",
)
def login_refused(contact: Contact) -> object:
    return _when(contact, "login-refused")


@test_host_answers.cause(
    "it lets us in but gives no shell",
    remedy="Give the user a POSIX shell (chsh -s /bin/sh); see that the container runs and has sh.",
)
def no_shell(contact: Contact) -> object:
    return _when(contact, "no-shell")

"""Declared certificates on disk: what their files hold beside what is wanted."""

from __future__ import annotations

import datetime as dt
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab.certificates import Authority, Identity
from sickbay.errors import NotApplicable
from sickbay.inventory.host import HostEntry
from sickbay.targets.host.facts import certificate_files
from sickbay.targets.host.facts.certificate_files import (
    CertificateFile,
    JudgedCertificate,
    judged_certificates,
)

AUTHORITY = Authority("An authority")
NOW = dt.datetime.now(dt.UTC)


def _run(entry: HostEntry) -> subprocess.CompletedProcess[str]:
    script = certificate_files._script(entry, {})
    assert script is not None
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)


def _found(path: Path, **wanted: Any) -> CertificateFile:
    """What the script finds on this machine."""
    done = _run(HostEntry(certificates={str(path): wanted}))
    assert done.returncode == 0, done.stderr
    (one,) = CertificateFile.parse(done.stdout)
    return one


@pytest.fixture
def issued(tmp_path: Path) -> Identity:
    """A certificate and its key, as site.crt and site.key."""
    issued = AUTHORITY.server("shop.example.com", "*.shop.example.com")
    issued.write(tmp_path, "site")
    return issued


def test_certificate_file_is_read_with_its_key(tmp_path: Path, issued: Identity) -> None:
    """Names, issuer and times are in it; the key's public half says whose it is."""
    one = _found(tmp_path / "site.crt", key_file=f"{tmp_path}/site.key")
    assert (one.state, one.key, one.issuer) == ("valid", "belongs", "An authority")
    assert one.names == ("shop.example.com", "*.shop.example.com")
    assert one.not_after is not None
    assert 89 <= (one.not_after - NOW).total_seconds() / 86400 <= 91


def test_certificate_file_answer_holds_nothing_of_the_private_key(
    tmp_path: Path, issued: Identity
) -> None:
    """Not on its way to us either, nor where it shares a file with the certificate."""
    key, certificate = f"{tmp_path}/site.key", f"{tmp_path}/site.crt"
    both = tmp_path / "both.pem"
    both.write_bytes(issued.both)
    wanted = {certificate: {"key_file": key}, key: {}, str(both): {"key_file": str(both)}}
    done = _run(HostEntry(certificates=wanted))
    assert issued.key.decode().splitlines()[1] not in done.stdout
    told = [(one.state, one.key) for one in CertificateFile.parse(done.stdout)]
    assert told == [("valid", "belongs"), ("unreadable", ""), ("valid", "belongs")]


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (None, "missing"),
        (b"", "unreadable"),
        (b"-----BEGIN CERTIFICATE-----\n", "unreadable"),
        (b"\xff\xfe\x00", "unreadable"),
        (b"x" * 200_000, "unreadable"),
    ],
)
def test_certificate_file_without_a_certificate_says_so(
    tmp_path: Path, content: bytes | None, state: str
) -> None:
    """Missing is one thing, spoilt another."""
    if content is not None:
        (tmp_path / "site.crt").write_bytes(content)
    assert _found(tmp_path / "site.crt").state == state


def test_certificate_file_that_is_a_link_to_nothing_is_dangling(tmp_path: Path) -> None:
    """As certbot's live directory is once its archive is gone."""
    (tmp_path / "site.crt").symlink_to("../archive/site1.pem")
    assert _found(tmp_path / "site.crt").state == "dangling"


def test_certificate_file_chain_is_read_by_its_first(tmp_path: Path, issued: Identity) -> None:
    """fullchain.pem has the authority's behind it, and some have text or the key ahead."""
    text = b"subject: shop\n" + issued.certificate + AUTHORITY.certificate
    (tmp_path / "chain.pem").write_bytes(text)
    assert "shop.example.com" in _found(tmp_path / "chain.pem").names
    (tmp_path / "both.pem").write_bytes(issued.both)
    assert "shop.example.com" in _found(tmp_path / "both.pem").names


def test_certificate_file_key_of_another_is_told(tmp_path: Path, issued: Identity) -> None:
    """Other, missing, or no key at all."""
    AUTHORITY.server("b").write(tmp_path, "other")
    (tmp_path / "empty.key").touch()
    keys = ["other.key", "gone.key", "empty.key"]
    told = [_found(tmp_path / "site.crt", key_file=f"{tmp_path}/{name}").key for name in keys]
    assert told == ["other", "missing", "unreadable"]


def test_certificate_file_key_with_a_passphrase_does_not_hang(
    tmp_path: Path, issued: Identity
) -> None:
    """openssl would ask a terminal for it; there is none, and nothing on standard input."""
    subprocess.run(
        ["openssl", "pkey", "-in", f"{tmp_path}/site.key", "-aes256", "-passout", "pass:x", "-out",
         f"{tmp_path}/closed.key"],
        check=True,
    )  # fmt: skip
    one = _found(tmp_path / "site.crt", key_file=f"{tmp_path}/closed.key")
    assert one.key == "unreadable"


@pytest.mark.parametrize(
    ("settings", "lineage"),
    [
        ("", "missing"),
        ("there\nfullchain = /a/site.pem\nserver = https://acme-v02.example/directory", "there"),
        ("there\ncert=/a/site.pem", "there"),
        ("there\nfullchain = /a/other.pem", "other"),
        ("there", "other"),
        ("there\nfullchain = /a/site.pem\nserver = https://acme-staging-v02.example/d", "staging"),
    ],
)
def test_certificate_file_lineage_is_the_one_that_renews_it(settings: str, lineage: str) -> None:
    """certbot's settings name the file and the authority."""
    pem = AUTHORITY.server("a").certificate.decode()
    told = f"==sickbay== certificates\n== file /a/site.pem\n{pem}\n== lineage\n{settings or 'missing'}\n== end"
    (one,) = CertificateFile.parse(told)
    assert one.lineage == lineage


def test_certificate_file_answer_that_breaks_off_is_no_fact() -> None:
    """The last file's certificate might be half of it."""
    with pytest.raises(ValueError, match="breaks off"):
        CertificateFile.parse("==sickbay== certificates\n== file /a\nmissing\n")
    with pytest.raises(NotApplicable):
        CertificateFile.parse("")


def _judged(valid_for: float = 100.0, **wanted: Any) -> JudgedCertificate:
    one = CertificateFile(
        path="/a.pem",
        state="valid",
        names=("shop.example.com", "*.shop.example.com"),
        not_before=NOW,
        not_after=NOW + dt.timedelta(seconds=valid_for),
    )
    (judged,) = judged_certificates(HostEntry(certificates={"/a.pem": wanted}), (one,), NOW)
    return judged


def test_certificate_left_is_counted_from_the_snapshot() -> None:
    """An old snapshot is judged as of its own day."""
    assert _judged(30.0).valid_for == 30.0
    assert _judged(-1.0).valid_for == -1.0


@pytest.mark.parametrize(
    ("name", "covered"),
    [
        ("shop.example.com", True),
        ("SHOP.example.com", True),
        ("www.shop.example.com", True),
        ("a.b.shop.example.com", False),
        ("example.com", False),
        ("shop", False),
    ],
)
def test_certificate_names_cover_as_clients_see_it(name: str, *, covered: bool) -> None:
    """A star stands for exactly one label (RFC 6125)."""
    assert (_judged(names=[name]).uncovered == ()) is covered

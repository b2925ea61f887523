"""What may leave the process: no secret in any form, and everything else unharmed."""

from __future__ import annotations

import base64
import json
import time
from urllib.parse import quote

import pytest

from sickbay.redact import MASK, Redactor, names_secret, variable_names_secret

CANARY = "Zb7/x+9 q'\"ü@4"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n-----END OPENSSH PRIVATE KEY-----"

HIDDEN = {
    "assignment": ("password=hunter22", "password=***"),
    "environment": ("PGPASSWORD=hunter22 psql", "PGPASSWORD=*** psql"),
    "environment, ADO": ("Uid=sa;Pwd=hunter22;Server=x", "Uid=sa;Pwd=***;Server=x"),
    "colon": ("db.password: hunter22", "db.password: ***"),
    "quoted with spaces": ("password = 'correct horse battery'", "password = '***'"),
    "hash rocket": (":secret => 'hunter22'", ":secret => '***'"),
    "json": ('{"apiKey": "hunter22", "n": 1}', '{"apiKey": "***", "n": 1}'),
    "json in json": (r"{\"client_secret\":\"hunter22\"}", r"{\"client_secret\":\"***\"}"),
    "python": ("{'token': 'hunter22'}", "{'token': '***'}"),
    "query": ("GET /x?access_token=hunter22&page=2", "GET /x?access_token=***&page=2"),
    "signature": ("X-Amz-Signature=abc123def&x=1", "X-Amz-Signature=***&x=1"),
    "suffix": ("SECRET_KEY_BASE=hunter22", "SECRET_KEY_BASE=***"),
    "camel case": ("tokenValue=hunter22", "tokenValue=***"),
    "header": ("X-Api-Key: hunter22", "X-Api-Key: ***"),
    "authorization": ("Authorization: Basic dXNlcjpwdw==", "Authorization: Basic ***"),
    "authorization, dict": (
        "{'Authorization': 'Bearer hunter22', 'A': 'b'}",
        "{'Authorization': 'Bearer ***', 'A': 'b'}",
    ),
    "cookie": ("Cookie: session=abc; theme=dark", "Cookie: ***"),
    "bearer": ("sent bearer abcdef123456", "sent bearer ***"),
    "url": ("postgresql://app:hunter22@db/x", "postgresql://app:***@db/x"),
    "url, no user": ("redis://:hunter22@cache:6379/0", "redis://:***@cache:6379/0"),
    "url, at sign": ("amqp://u:p@ss@mq:5672", "amqp://u:***@mq:5672"),
    "url, token as user": (
        "https://x0tok3n5x0tok3n5x0tok3n5@git.example.com/r",
        "https://***@git.example.com/r",
    ),
    "sql": ("ALTER ROLE x PASSWORD 'hun''ter22' VALID", "ALTER ROLE x PASSWORD '***' VALID"),
    "mysql grant": ("IDENTIFIED BY 'hunter22'", "IDENTIFIED BY '***'"),
    "option": ("tool --password hunter22 -v", "tool --password *** -v"),
    "option with equals": ("tool --db-password=hunter22 -v", "tool --db-password=*** -v"),
    "mysql -p": ("mysqldump -u root -phunter22 shop", "mysqldump -u root -p*** shop"),
    "sshpass": ("sshpass -p hunter22 ssh h", "sshpass -p *** ssh h"),
    "redis-cli": ("redis-cli -h c -a hunter22 PING", "redis-cli -h c -a *** PING"),
    "curl": ("curl -s -u bob:hunter22 http://x", "curl -s -u bob:*** http://x"),
    "redis.conf": ("requirepass hunter22", "requirepass ***"),
    "xml": ("<password>hunter22</password>", "<password>***</password>"),
    "key block": (f"before {KEY} after", "before *** after"),
    "key block cut off": (KEY[:50], "***"),
    "jwt": (f"got {JWT} from x", "got *** from x"),
    "aws key id": ("key AKIAIOSFODNN7EXAMPLE used", "key *** used"),
    "aws secret": ("aws_secret_access_key = wJalrXUt/K7MDENG", "aws_secret_access_key = ***"),
    "github": ("ghp_0123456789abcdefghij0123", "***"),
}

READABLE = [
    "tokens: 5",
    "max TOKENS: 5",
    'FATAL:  password authentication failed for user "postgres"',
    "secretary: Ms Jones",
    "the secretariat = building 4",
    'secret "db-creds" not found',
    "secretName: db-creds",
    "imagePullSecretName=regcred",
    "password_encryption = scram-sha-256",
    "token_count: 12",
    "token_type=bearer_x",
    "PWD=/var/lib/app OLDPWD=/root",
    "password: null, token: none",
    "token::parse failed",
    "http://host:8080?mail=a@example.com",
    "ssh://deploy@host:22",
    "mail to ops@example.com: disk full",
    "tool --token-file /run/token -v",
    "mysql -P 3306 --protocol tcp",
    "author: Bob, authority: none",
    "password:\n  next: line",
    "key: value",
]


@pytest.mark.parametrize("name", HIDDEN)
def test_redactor_text_holding_a_secret_by_name_masks_only_the_secret(name: str) -> None:
    """The value goes, its name and all around it stay; a second pass changes nothing."""
    given, expected = HIDDEN[name]
    once = Redactor().text(given)
    assert once == expected
    assert Redactor().text(once) == once


@pytest.mark.parametrize("text", READABLE)
def test_redactor_ordinary_text_stays_as_it_is(text: str) -> None:
    """Words that only look like names of secrets are left alone."""
    assert Redactor().text(text) == text


@pytest.mark.parametrize(
    "form",
    [
        CANARY,
        quote(CANARY, safe=""),
        quote(CANARY),
        quote(CANARY, safe="").lower(),
        json.dumps(CANARY),
        json.dumps(CANARY, ensure_ascii=False),
        repr(CANARY),
        base64.b64encode(CANARY.encode()).decode(),
        CANARY.replace("'", "'\\''"),
        CANARY.replace("'", "''"),
    ],
)
@pytest.mark.parametrize(
    "secret",
    [
        CANARY,
        f"postgresql://app:{quote(CANARY, safe='')}@db/x",
        "host=db password='" + CANARY.replace("'", "\\'") + "' user=app",
    ],
    ids=["plain", "url", "dsn"],
)
def test_redactor_known_secret_masked_in_every_form(secret: str, form: str) -> None:
    """A value is known by whatever it is written as, wherever it came from."""
    said = Redactor([secret]).text(f"error near <{form}> in line 1")
    for part in (CANARY, "Zb7", "WmI3", "q'"):
        assert part not in said
    assert said.startswith("error near <")
    assert said.endswith("> in line 1")


def test_redactor_login_of_a_url_masked_as_basic_authorization() -> None:
    """What a client makes of user and password for HTTP hides the password no better than it is."""
    sent = base64.b64encode(f"app:{CANARY}".encode()).decode()
    known = f"https://app:{quote(CANARY, safe='')}@api/x"
    assert Redactor([known]).text(f"sent {sent}") in {f"sent {MASK}", f"sent {MASK}=="}


def test_redactor_short_secret_masked_only_as_a_word() -> None:
    """A password such as "root" must not break up longer words; three letters are no secret."""
    redactor = Redactor(["root", "abc"])
    assert redactor.text("root /rootfs chroot abc") == f"{MASK} /rootfs chroot abc"


def test_redactor_secret_of_several_lines_masked_line_by_line() -> None:
    """A key that a log prints line by line stays hidden."""
    redactor = Redactor(["first line of it\nsecond line of it"])
    assert "line of it" not in redactor.text("x: first line of it\ny: second line of it")


def test_redactor_data_masks_values_below_telling_keys() -> None:
    """In records and environments the key tells."""
    data = {"DB_PASSWORD": "hunter22", "n": ["token=hunter22", 5], "token_count": "5", "key": "a"}
    assert Redactor().data(data) == {
        "DB_PASSWORD": MASK,
        "n": [f"token={MASK}", 5],
        "token_count": "5",
        "key": "a",
    }


@pytest.mark.parametrize(
    "name",
    ["DB_PASSWORD", "dbPassword", "API_KEY", "x-auth-token", "Authorization", "clientSecret"],
)
def test_names_secret_telling_names_are_recognised(name: str) -> None:
    """Names in any spelling."""
    assert names_secret(name)


@pytest.mark.parametrize("name", ["SSH_KEY", "DATABASE_DSN", "SMTP_PASS", "GCP_CREDENTIALS"])
def test_variable_names_secret_key_and_dsn_are_recognised(name: str) -> None:
    """In the environment these words speak of secrets."""
    assert variable_names_secret(name)


@pytest.mark.parametrize(
    "name", ["PWD", "KEYBOARD", "SECRET_NAME", "TOKENS", "SSH_KEY_FILE", "HOME"]
)
def test_variable_names_secret_other_names_are_not(name: str) -> None:
    """Names that say something about a secret, or nothing of the sort."""
    assert not variable_names_secret(name)


@pytest.mark.parametrize(
    "unit",
    [
        "a", "password", "password ", "password=", "://", "://a:", "eyJ-", "eyJabcdefgh.", "mysql ",
        "curl -u ", "--token", "-", '\\"', "<password>", "-----BEGIN PRIVATE KEY-----",
        "authorization: ", "password'", "secret_", "bearer ",
    ],
)  # fmt: skip
def test_redactor_one_long_line_takes_linear_time(unit: str) -> None:
    """No line makes a pattern backtrack: ten times the text takes about ten times the time."""
    redactor = Redactor(["a-known-secret"])

    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        started = time.process_time()
        redactor.text(text)
        return time.process_time() - started

    small, large = seconds(100_000), seconds(1_000_000)
    assert large < 30 * max(small, 0.01)


def test_redactor_ten_megabyte_line_is_done_in_seconds() -> None:
    """A log line of 10 MB with words that look like secrets all along."""
    line = "level=info msg='token refreshed' path=/a/b?page=1 user=app password=hunter22 " * 130_000
    started = time.process_time()
    said = Redactor(["a-known-secret"]).text(line)
    assert time.process_time() - started < 30
    assert "hunter22" not in said

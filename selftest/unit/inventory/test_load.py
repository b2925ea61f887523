"""Reading an inventory: all that is wrong told at once, in people's words; secrets kept."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sickbay.errors import UsageError
from sickbay.inventory.load import InventoryError, load
from sickbay.inventory.targets import Inventory

Read = Callable[..., Inventory]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Load a text as the inventory inv.yaml of the current folder."""
    monkeypatch.chdir(tmp_path)

    def loaded(text: str | bytes, **environ: str) -> Inventory:
        data = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "inv.yaml").write_bytes(data)
        return load(Path("inv.yaml"), environ)

    return loaded


def problems(read: Read, text: str | bytes, **environ: str) -> list[str]:
    with pytest.raises(InventoryError) as caught:
        read(text, **environ)
    return str(caught.value).splitlines()


MANY = """\
limits: {disk_usd: 85 %, disk_used: many}
hosts:
  app1: {adress: 10.0.0.5, port: abc, limits: {disk_used: 170, connections_used: 5 %}, runs_on: db9}
  app2:
    port: 99999
    tags: web
    units: [1]
    sudo: maybe
  3: {}
postgres:
  main: {runs_on: ap1, depends_on: [main]}
  app1: {dsn: 5}
endpoint: {}
endpoints:
  api: {url: "${NOT_SET}", expect: {status: ok}}
  bad: 5
waivers:
  - {symptom: host.x, target: app1, reason: "", owner: ops, until: 2027-02-30}
  - {symptom: host.x, target: app1, reason: a, owner: ops, until: soon}
  - {symptom: host.x, target: app1, reason: a, owner: ops, util: 2027-01-01}
"""

SAID = [
    "inv.yaml:1: limits.disk_usd: unknown limit; did you mean 'disk_used'?",
    "inv.yaml:1: limits.disk_used: expected a share such as 85 % or 0.85, not 'many'",
    "inv.yaml:3: hosts.app1.adress: unknown key; did you mean 'address'?",
    (
        "inv.yaml:3: hosts.app1.limits.connections_used: unknown limit here; "
        "connections_used is a limit of postgres"
    ),
    "inv.yaml:3: hosts.app1.limits.disk_used: expected a share such as 170 % (or 0.85), not 170",
    "inv.yaml:3: hosts.app1.port: expected a whole number, not the text 'abc'",
    (
        "inv.yaml:3: hosts.app1.runs_on: 'db9' is no target of this inventory; "
        "there are api, app2, bad, main"
    ),
    "inv.yaml:5: hosts.app2.port: has to be at most 65535",
    "inv.yaml:6: hosts.app2.tags: expected a list such as [a, b], not the text 'web'; write [web]",
    "inv.yaml:7: hosts.app2.units: expected names of units such as [nginx, shop], or keys and values; put a name that is a number in quotes",
    "inv.yaml:8: hosts.app2.sudo: expected true or false, not the text 'maybe'",
    "inv.yaml:9: the key 3 is read as the number 3; put it in quotes",
    "inv.yaml:11: postgres.main.depends_on[0]: 'main' cannot rest on itself",
    (
        "inv.yaml:11: postgres.main.dsn: this key is missing "
        "(connection string or URI; give the password by ${VARIABLE})"
    ),
    (
        "inv.yaml:11: postgres.main.runs_on: 'ap1' is no target of this inventory; "
        "did you mean 'app1'?"
    ),
    "inv.yaml:12: postgres.app1.dsn: expected text; put it in quotes",
    "inv.yaml:12: the name 'app1' is taken by hosts.app1 (line 3); a target's name is unique",
    "inv.yaml:13: endpoint: unknown section; did you mean 'endpoints'?",
    "inv.yaml:15: endpoints.api.expect.status: expected a whole number or a list such as [a, b], not the text 'ok'",
    "inv.yaml:15: the variable NOT_SET is not set; export it, or write ${NOT_SET:-DEFAULT}",
    "inv.yaml:16: endpoints.bad: expected keys and values, not the number 5",
    "inv.yaml:18: there is no such day or number as 2027-02-30",
    "inv.yaml:18: waivers[0].reason: must not be empty",
    "inv.yaml:19: waivers[1].until: expected a day such as 2027-01-15, not the text 'soon'",
    "inv.yaml:20: waivers[2].until: this key is missing (the last day on which it holds)",
    "inv.yaml:20: waivers[2].util: unknown key; did you mean 'until'?",
]


def test_load_file_with_many_errors_tells_each_with_line_and_what_was_expected(read: Read) -> None:
    """Errors of form, of relations and of variables, in one go."""
    said = problems(read, MANY)
    for line in SAID:
        assert line in said
    assert not [line for line in said if "input should be" in line.lower() or "pydantic" in line]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hosts:\n\tapp: {}\n", ":2: a tab stands where YAML wants spaces"),
        ("hosts: {a: {}\n", "not valid YAML"),
        ("hosts:\n  a: {}\n b: {}\n", "not indented like its neighbours"),
        ("hosts: a: b\n", "a colon that YAML does not expect here"),
        ("hosts: *nobody\n", "undefined alias"),
        ("hosts: {}\n---\nhosts: {}\n", "a second document"),
        ("postgres: {m: {dsn: ${DB}}}\n", "put ${VARIABLE} in quotes"),
        ("- a\n- b\n", ":1: expected sections (hosts, postgres, ...), not a list"),
        ("just text\n", "not the text 'just text'"),
        ("hosts: !!python/object:os.system {}\n", "the tag"),
        ("hosts: {a: {user: !vault x}}\n", "the tag !vault is not understood"),
        ("hosts: {a: {user: !!binary eA==}}\n", "the tag !!binary is not understood"),
        ("hosts: {on: {}}\n", "the key on is read as true (a yes-or-no value); put it in quotes"),
        ("hosts: {null: {}}\n", "is read as nothing; put it in quotes"),
        ("hosts: {? [a, b] : {}}\n", "a key has to be text"),
        ("hosts: {a: {port: 1, port: 2}}\n", "'port' stands twice in the same mapping"),
        ("hosts: {a: {<<: 5}}\n", "<< takes keys and values, not the number 5"),
        ("all: {hosts: {}}\n", "this looks like an Ansible inventory"),
        ("hosts: {waivers: {}}\n", "stands for the inventory's own waivers"),
        ("hosts: {'a,b': {}}\n", "it must work with --limit"),
        ("hosts: {a: {connection: '${A-B}'}}\n", "${ begins a variable"),
        ("hosts: {a: {deadline: 0}}\n", "has to be more than 0"),
        ("hosts: {a: {deadline: -5 s}}\n", "expected a duration such as"),
        ("limits: {disk_used: -5 %}\n", "expected a share such as"),
        ("limits: {disk_used: .inf}\n", "expected a share such as"),
        ("limits: {disk_used: [1]}\n", "expected a share such as"),
        ("hosts: [a]\n", "expected keys and values, not a list"),
        (b"hosts: {a: {user: \xff\xfe}}\n", ":1: is not UTF-8 text"),
        (b"hosts:\n  a: {user: '\x00'}\n", ":2: the character U+0000 is not allowed"),
        ("hosts: " + "[" * 20_000, "nested more than 50 levels deep"),
        ("a: &a {b: *a}\n", "an alias (*) stands inside of what it refers to"),
    ],
)  # fmt: skip
def test_load_unusable_text_tells_where_and_what(
    read: Read, text: str | bytes, expected: str
) -> None:
    """Whatever the text, it ends in a problem with a line, never in a traceback."""
    said = problems(read, text)
    assert all(line.startswith("inv.yaml:") for line in said)
    assert [line for line in said if expected in line], said


def test_load_aliases_that_multiply_are_bounded(read: Read) -> None:
    """A billion laughs end after a fraction of a second."""
    text = "x-0: &a0 [lol]\n" + "".join(
        f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    started = time.monotonic()
    assert "once all aliases are followed" in problems(read, text)[-1]
    assert time.monotonic() - started < 10


def test_load_huge_file_is_refused_by_its_size(read: Read) -> None:
    """Nobody means to read a log as an inventory."""
    assert "an inventory has at most 2" in problems(read, b"#" * (3 * 2**20))[0]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "hosts:\nwaivers:\n"])
def test_load_empty_file_is_an_inventory_without_targets(read: Read, text: str) -> None:
    """Nothing said is no error."""
    assert read(text).targets == {}


def test_load_directory_or_missing_file_says_so(tmp_path: Path) -> None:
    """A path that is no file."""
    with pytest.raises(UsageError, match="is a directory; expected an inventory file"):
        load(tmp_path)
    with pytest.raises(UsageError, match="cannot be read: No such file or directory"):
        load(tmp_path / "none.yaml")


def test_load_unreadable_file_says_so(tmp_path: Path) -> None:
    """A file that may not be read, told as the system tells it."""
    if os.geteuid() == 0:
        (tmp_path / "inv.yaml").symlink_to("inv.yaml")
        with pytest.raises(UsageError, match="cannot be read: Too many levels of symbolic links"):
            load(tmp_path / "inv.yaml")
    else:
        (tmp_path / "inv.yaml").touch(mode=0)
        with pytest.raises(UsageError, match="cannot be read: Permission denied"):
            load(tmp_path / "inv.yaml")


def test_load_merge_keys_own_keys_win_and_lines_are_those_of_the_anchor(read: Read) -> None:
    """Anchors below x- keys, one or several merged in; a limit's source is where it is written."""
    inventory = read("""\
x-web: &web {user: deploy, port: 22, limits: {disk_used: 70 %}}
x-more: &more
  port: 2222
  sudo: true
hosts:
  a: {<<: [*web, *more], user: me}
  b:
    <<: *more
  c:
""")
    a, b = inventory.targets["a"], inventory.targets["b"]
    assert (a.entry.user, a.entry.port, a.entry.sudo) == ("me", 22, True)  # type: ignore[attr-defined]
    assert b.entry.port == 2222  # type: ignore[attr-defined]
    assert a.limits.disk_used.source == "inv.yaml:1"  # type: ignore[attr-defined]
    assert "c" in inventory.targets


def test_load_limits_know_whether_own_shared_or_default(read: Read) -> None:
    """The target's own word, else the inventory's, else the default; each with its line."""
    inventory = read("""\
limits:
  disk_used: 60 %
hosts:
  own: {limits: {disk_used: 70 %}}
  shared:
redis:
  cache: {url: "redis://127.0.0.1"}
""")
    sources = {
        name: (float(limit), limit.source)
        for name, limit in [
            ("own", inventory.targets["own"].limits.disk_used),  # type: ignore[attr-defined]
            ("shared", inventory.targets["shared"].limits.disk_used),  # type: ignore[attr-defined]
            ("default", inventory.targets["cache"].limits.redis_memory_used),  # type: ignore[attr-defined]
        ]
    }
    assert sources["own"] == (0.7, "inv.yaml:4")
    assert sources["shared"] == (0.6, "inv.yaml:2")
    assert sources["default"][1] == "default"


# ---------------------------------------------------------------------- variables and secrets


@pytest.mark.parametrize(
    ("written", "environ", "read_as"),
    [
        ("${NAME}", {"NAME": "x"}, "x"),
        ("a-${NAME}-b", {"NAME": "x"}, "a-x-b"),
        ("${NAME:-y}", {}, "y"),
        ("${NAME:-y}", {"NAME": ""}, "y"),
        ("${NAME:-}", {}, ""),
        ("${NAME}", {"NAME": ""}, ""),
        ("$${NAME}", {}, "${NAME}"),
        ("$NAME $$ pa$$word", {}, "$NAME $$ pa$$word"),
        ("${NAME}", {"NAME": "${OTHER}"}, "${OTHER}"),
    ],
)
def test_load_variables_are_filled_in_as_a_shell_does(
    read: Read, written: str, environ: Mapping[str, str], read_as: str
) -> None:
    """Set, unset, empty, with a default, escaped; what a variable holds is not filled in again."""
    inventory = read(f"hosts: {{a: {{user: '{written}'}}}}\n", **environ)
    assert inventory.targets["a"].entry.user == read_as  # type: ignore[attr-defined]


def test_load_unset_variables_are_all_named_at_once(read: Read) -> None:
    """One look at the error is enough to set them all, and nothing else is said of their places."""
    said = problems(read, "hosts: {a: {user: '${A}', port: '${B}', runs_on: '${C}'}}\n")
    assert [line.split()[3] for line in said] == ["A", "B", "C"]


def test_load_variable_with_a_telling_name_is_a_secret_wherever_it_is_used(read: Read) -> None:
    """By the name of the variable, not by the field."""
    inventory = read("hosts: {a: {user: '${OPS_TOKEN}'}}\n", OPS_TOKEN="canary-1234")
    assert "canary-1234" in inventory.secrets


def test_load_error_about_a_value_that_is_a_secret_does_not_show_it(read: Read) -> None:
    """Neither in a secret's own field nor where a telling variable went astray."""
    said = "\n".join(
        problems(
            read,
            "postgres: {m: {dsn: ['${DB_PASSWORD}', canary-5678]}}\nhosts: {a: {port: '${X_TOKEN}'}}\n",
            DB_PASSWORD="canary-1234",
            X_TOKEN="canary-9012",
        )
    )
    assert "canary" not in said
    assert "postgres.m.dsn: expected text" in said


def test_load_secret_from_file_and_command(read: Read, tmp_path: Path) -> None:
    """A file beside the inventory, and a shell's output; both without their last line end."""
    (tmp_path / "secret").write_text("redis://:canary-1@h\n")
    (tmp_path / "second").write_text("redis://:canary-2@h\n")
    inventory = read("""\
redis:
  a: {url: {file: secret}}
  b: {url: {command: cat second}}
""")
    assert set(inventory.secrets) == {"redis://:canary-1@h", "redis://:canary-2@h"}
    assert inventory.warnings == ()
    assert "canary" not in repr(inventory) + repr([t.entry for t in inventory.targets.values()])


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{file: none}", "the secret's file cannot be read"),
        ("{command: 'echo gone >&2; exit 3'}", "ended with exit code 3: gone"),
        ("{command: 'true'}", "the secret's command gives nothing"),
        ("{command: \"printf '\\\\377'\"}", "does not print text"),
        ("{fil: x}", "expected text, {file: PATH} or {command: LINE}"),
        ("{command: [a]}", "expected text, {file: PATH} or {command: LINE}"),
        ("{}", "expected text, {file: PATH} or {command: LINE}"),
    ],
)
def test_load_secret_that_cannot_be_had_says_why(read: Read, written: str, expected: str) -> None:
    """With the file's or the command's own reason."""
    assert expected in problems(read, f"redis: {{a: {{url: {written}}}}}\n")[0]


def test_load_file_with_errors_runs_no_secret_command(read: Read, tmp_path: Path) -> None:
    """Nothing is asked of anyone, a password manager included, before the file makes sense."""
    problems(read, "redis: {a: {url: {command: touch ran}}}\nhost: {}\n")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "text",
    [
        "postgres: {m: {dsn: 'postgresql://a:hunter22@h/x'}}\n",
        "postgres: {m: {dsn: 'host=h password=hunter22'}}\n",
        "endpoints: {m: {url: 'https://a:hunter22@h/x'}}\n",
        "endpoints: {m: {url: 'https://h', headers: {Authorization: Bearer hunter22x}}}\n",
        "endpoints: {m: {url: 'https://h', headers: {X-Api-Key: hunter22x}}}\n",
        "hosts: {m: {connection: 'paramiko://a:hunter22@h'}}\n",
    ],
)
def test_load_secret_in_the_open_gives_a_warning_with_its_line(read: Read, text: str) -> None:
    """It works, but is said, and is not repeated."""
    (warning,) = read("\n" + text).warnings
    assert warning.startswith("inv.yaml:2: ")
    assert "a secret stands in the file" in warning
    assert "hunter22" not in warning


@pytest.mark.parametrize(
    "text",
    [
        "postgres: {m: {dsn: 'postgresql://a:${P}@h/x'}}\n",
        "postgres: {m: {dsn: 'host=h password=${P}'}}\n",
        "postgres: {m: {dsn: 'postgresql://a@h/x'}}\n",
        "endpoints: {m: {url: 'https://h', headers: {Accept: text/plain, X-A: b}}}\n",
        "endpoints: {m: {url: 'https://h', headers: {Authorization: 'Bearer ${P}'}}}\n",
    ],
)
def test_load_secret_from_a_variable_gives_no_warning(read: Read, text: str) -> None:
    """Nor does what is no secret at all."""
    assert read(text, P="hunter22").warnings == ()


def test_load_waiver_for_no_target_gives_a_warning(read: Read) -> None:
    """A typo in a target's name would otherwise waive nothing, unnoticed."""
    inventory = read("""\
hosts: {db1: {}}
waivers:
  - {symptom: host.x, target: db2, reason: r, owner: o, until: 2099-01-01}
  - {symptom: host.x, target: 'db*', reason: r, owner: o, until: 2099-01-01}
""")
    assert inventory.warnings == (
        "inv.yaml:3: this waiver matches no target: there is none named 'db2'; did you mean 'db1'?",
    )


def test_load_thousand_targets_takes_seconds(read: Read) -> None:
    """A large site's inventory, well below the bounds."""
    text = "hosts:\n" + "".join(
        f"  h{n}: {{address: 10.0.{n // 250}.{n % 250}, tags: [a, b], units: [nginx]}}\n"
        for n in range(1000)
    )
    started = time.process_time()
    assert len(read(text).targets) == 1000
    assert time.process_time() - started < 10

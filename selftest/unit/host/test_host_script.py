"""The script that goes to a host, in every shell that it may meet there."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from sickbay.errors import Denied, TimedOut, Unreadable, Unsupported
from sickbay.targets.host.script import AS_READER, Answer, Part, build, failure, new_nonce, parse

SHELLS = {"dash": ("dash", "-s"), "bash": ("bash", "-s"), "busybox": ("busybox", "sh", "-s")}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """A shell to run the script with."""
    command = SHELLS[request.param]
    program = shutil.which(command[0])
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{command[0]} is not installed")
        pytest.skip(f"{command[0]} is not installed")
    return (program, *command[1:])


def answers(
    shell: tuple[str, ...], parts: Mapping[str, Part], *, seconds: float = 20, **more: object
) -> Mapping[str, Answer]:
    """What the parts answered when the shell ran them."""
    nonce = new_nonce()
    environment = {"PATH": os.environ["PATH"]} | dict(more.pop("env", {}))  # type: ignore[call-overload]
    text = build(parts, nonce, seconds=seconds, sudo=more.get("sudo", False))  # type: ignore[arg-type]
    ran = subprocess.run(
        shell, input=text.encode(), capture_output=True, timeout=60, check=False, env=environment
    )
    elevated = [name for name, part in parts.items() if part.root]
    return parse(ran.stdout, ran.stderr, nonce, elevated)


def test_script_parts_keep_their_streams_and_status_apart(shell: tuple[str, ...]) -> None:
    """Each part's output, errors and exit status come back as its own."""
    got = answers(
        shell,
        {
            "a": Part("echo one; echo two >&2; exit 3"),
            "b": Part("printf 'no newline'"),
            "c": Part("cd /; x=5; exit 0"),
            "d": Part('echo "${x:-clean}"'),
        },
    )
    assert got["a"] == Answer("one\n", "two\n", 3)
    assert got["b"] == Answer("no newline", "", 0)
    assert got["c"].status == 0
    assert got["d"].stdout == "clean\n", "what one part sets must not reach the next"


def test_script_odd_bytes_and_broken_parts_do_not_disturb_others(shell: tuple[str, ...]) -> None:
    """Bytes that are no text, quotes, syntax errors and reading of input stay within their part."""
    got = answers(
        shell,
        {
            "bytes": Part("printf '\\377\\000\\033[31mx\\n\\n'"),
            "quotes": Part("""echo "it's" '"quoted"' `echo back` $(echo dollar)"""),
            "syntax": Part("if then fi ("),
            "reads": Part("cat; echo read"),
            "last": Part("echo fine; LC_ALL=; :"),
        },
    )
    assert got["bytes"].stdout == "\ufffd\x00\x1b[31mx\n\n"
    assert got["quotes"].stdout == 'it\'s "quoted" back dollar\n'
    assert got["syntax"].status != 0
    assert got["reads"] == Answer("read\n", "", 0)
    assert got["last"].stdout == "fine\n"


def test_script_tool_missing_is_told_apart_from_failure(shell: tuple[str, ...]) -> None:
    """A program that is not installed is found out in the same trip, with its name."""
    parts = {"tool": Part("frobnicate", tool="frobnicate"), "word": Part("frobnicate --all")}
    got = answers(shell, parts)
    tool, word = (failure(parts[name], got[name]) for name in ("tool", "word"))
    assert isinstance(tool, Unsupported)
    assert tool.detail == "'frobnicate' is not installed"
    assert isinstance(word, Unsupported)


def test_script_part_over_its_limit_ends_with_all_that_it_started(shell: tuple[str, ...]) -> None:
    """A part that hangs costs its limit; nothing of it is left, and the next part runs."""
    length = f"{os.getpid()}.25"
    parts = {
        "hangs": Part(f"(sleep {length}; :) & sleep {length} | cat; :", timeout=1),
        "next": Part("echo alive"),
    }
    started = time.monotonic()
    got = answers(shell, parts)
    assert time.monotonic() - started < 6
    assert isinstance(failure(parts["hangs"], got["hangs"]), TimedOut)
    assert got["next"].stdout == "alive\n"
    assert subprocess.run(["pgrep", "-f", f"sleep {length}"], check=False).returncode == 1


def test_script_part_that_ignores_signals_is_ended_too(shell: tuple[str, ...]) -> None:
    """A part that traps what can be trapped is killed all the same."""
    parts = {"stubborn": Part("trap '' TERM INT HUP ALRM; while :; do :; done", timeout=1)}
    got = answers(shell, parts)
    assert isinstance(failure(parts["stubborn"], got["stubborn"]), TimedOut)


def test_script_out_of_time_tells_the_rest_so(shell: tuple[str, ...]) -> None:
    """The script ends when its time is up; what it did not come to is timed out, not missing."""
    parts = {name: Part("sleep 30") for name in ("a", "b", "c")}
    started = time.monotonic()
    got = answers(shell, parts, seconds=2)
    assert time.monotonic() - started < 5
    assert [got[name].status for name in parts] == ["overtime", "late", "late"]
    assert all(isinstance(failure(parts[name], got[name]), TimedOut) for name in parts)


def test_script_sane_environment(shell: tuple[str, ...]) -> None:
    """Output is in English, and programs of sbin are found with the poorest of paths."""
    got = answers(
        shell, {"a": Part('echo "$LC_ALL $PATH"')}, env={"PATH": "/bin", "LC_ALL": "de_DE"}
    )
    assert got["a"].stdout.startswith("C /bin:")
    assert "/usr/sbin" in got["a"].stdout


def test_script_root_part_uses_sudo_only_where_allowed(
    shell: tuple[str, ...], tmp_path: Path
) -> None:
    """sudo runs only where the inventory says so, never asks, and keeps the limit."""
    sudo = tmp_path / "sudo"
    sudo.write_text('#!/bin/sh\n[ "$1" = -n ] || exit 9\nshift\nAS_ROOT=yes exec "$@"\n')
    sudo.chmod(0o755)
    idle = tmp_path / "id"
    idle.write_text("#!/bin/sh\necho 1000\n")
    idle.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    parts = {
        "root": Part('echo "${AS_ROOT:-no} $LC_ALL"; exit 4', root=True),
        "slow": Part("sleep 60", root=True, timeout=1),
        "plain": Part('echo "${AS_ROOT:-no}"'),
    }
    got = answers(shell, parts, env=env, sudo=True)
    assert got["root"] == Answer("yes C\n", "", 4)
    assert isinstance(failure(parts["slow"], got["slow"]), TimedOut)
    assert got["plain"].stdout == "no\n"
    assert answers(shell, {"root": parts["root"]}, env=env)["root"].stdout == "no C\n"


def test_script_root_part_reads_as_nobody_where_only_that_is_allowed(
    shell: tuple[str, ...], tmp_path: Path
) -> None:
    """What needs everything that root has is run as the user, and denied by the host itself."""
    sudo = tmp_path / "sudo"
    reader = AS_READER.replace("setpriv ", "")
    sudo.write_text(
        f'#!/bin/sh\ncase "$*" in "-n setpriv {reader} sh -s "*) ;; *) exit 9 ;; esac\n'
        'while [ "$1" != sh ]; do shift; done\nAS_READER=yes exec "$@"\n'
    )
    idle = tmp_path / "id"
    idle.write_text("#!/bin/sh\necho 1000\n")
    for tool in (sudo, idle):
        tool.chmod(0o755)
    parts = {
        "reads": Part('echo "${AS_READER:-no}"', root=True),
        "all": Part('echo "${AS_READER:-no}"', root=True, everything=True),
    }
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    got = answers(shell, parts, env=env, sudo="read")
    assert (got["reads"].stdout, got["all"].stdout) == ("yes\n", "no\n")


def test_script_leaves_no_process_behind(shell: tuple[str, ...]) -> None:
    """The script's own clock ends with it, or with the second that it was just counting."""
    nonce = new_nonce()
    text = build({"a": Part("echo hello")}, nonce, seconds=20)
    with subprocess.Popen(shell, stdin=-1, stdout=-1, stderr=-1, start_new_session=True) as process:
        process.communicate(text.encode(), timeout=20)
        end = time.monotonic() + 5
        while left := subprocess.run(
            ["pgrep", "-s", str(process.pid)], capture_output=True, check=False
        ).stdout:
            assert time.monotonic() < end, left
            time.sleep(0.2)


def test_parse_stream_that_breaks_off_yields_what_is_complete() -> None:
    """Whatever the byte at which the connection broke, complete parts stand and no other."""
    nonce = new_nonce()
    parts = {"a": Part("echo 1"), "b": Part("echo 2; echo 3 >&2"), "c": Part("echo 4")}
    text = build(parts, nonce, seconds=20).encode()
    ran = subprocess.run(["sh", "-s"], input=text, capture_output=True, check=True)
    whole = parse(ran.stdout, ran.stderr, nonce)
    assert list(whole) == ["a", "b", "c"]
    for end in range(len(ran.stdout)):
        some = parse(ran.stdout[:end], ran.stderr, nonce)
        assert all(whole[name] == answer for name, answer in some.items())
    assert parse(ran.stdout, b"", nonce) == {}


def test_parse_banner_and_foreign_frames_are_passed_over() -> None:
    """What a login prints before, and frames of another nonce, are no answers."""
    stream = b"Welcome!\n\nN a 0\n\nN begin 0\nout\nM a 0\n\nN a 0\n"
    got = parse(stream, stream, "N")
    assert got == {"a": Answer("out\nM a 0\n", "out\nM a 0\n", 0)}


@pytest.mark.parametrize(
    ("status", "stderr", "expected"),
    [
        (1, "dmesg: read kernel buffer failed: Operation not permitted\n", Denied),
        (1, "sudo: a password is required\n", Denied),
        (1, "cat: /etc/shadow: Permission denied\n", Denied),
        (0, "Hint: You are currently not seeing messages from other users\n", Denied),
        (0, "No journal files were opened due to insufficient permissions.\n", Denied),
        (137, "", TimedOut),
        (124, "", TimedOut),
        (127, "sh: 1: ss: not found\n", Unsupported),
        (2, "\nsomething went wrong\nmore\n", Unreadable),
        ("late", "", TimedOut),
        ("overtime", "", TimedOut),
        ("missing", "", Unsupported),
    ],
)
def test_failure_status_and_words_give_the_reason(
    status: int | str, stderr: str, expected: type
) -> None:
    """The reason why there is no fact follows from exit status and error output."""
    found = failure(Part("x", tool="x", grant="grant this"), Answer("", stderr, status))
    assert type(found) is expected
    if expected is Denied:
        assert found is not None
        assert found.remedy == "grant this"


def test_failure_accepted_status_is_none() -> None:
    """An accepted status holds a fact, whatever else was complained of."""
    part = Part("df", accept=(0, 1))
    assert failure(part, Answer("rows", "df: /x: Permission denied", 1)) is None


def test_build_nothing_can_break_out_of_its_quotes() -> None:
    """Text in a part stays text: a part cannot end the script or forge a frame by accident."""
    evil = "echo 'a' \"b\" '\\'' ; } ; part x 1 '' '' 'echo'\nEOF\n"
    nonce = new_nonce()
    text = build({"evil": Part(evil), "after": Part("echo after")}, nonce, seconds=5)
    ran = subprocess.run(["sh", "-s"], input=text.encode(), capture_output=True, check=True)
    assert parse(ran.stdout, ran.stderr, nonce)["after"].stdout == "after\n"


def test_script_sudo_that_fails_is_the_answer_of_all_that_need_it(
    shell: tuple[str, ...], tmp_path: Path
) -> None:
    """It is asked once, and what needs no sudo is answered all the same."""
    sudo, idle = tmp_path / "sudo", tmp_path / "id"
    sudo.write_text(
        f"#!/bin/sh\necho x >>{tmp_path}/calls\necho 'sudo: a password is required' >&2\nexit 1\n"
    )
    idle.write_text("#!/bin/sh\necho 1000\n")
    for tool in (sudo, idle):
        tool.chmod(0o755)
    parts = {
        "one": Part("echo 1", root=True),
        "plain": Part("echo 2"),
        "other": Part("echo 3", root=True),
    }
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    got = answers(shell, parts, env=env, sudo=True)
    assert got["plain"] == Answer("2\n", "", 0)
    for name in ("one", "other"):
        assert isinstance(failure(parts[name], got[name]), Denied)
    assert (tmp_path / "calls").read_text() == "x\n"


def test_script_that_is_long_goes_through_sudo(shell: tuple[str, ...], tmp_path: Path) -> None:
    """It is no argument, whose length is limited."""
    sudo, idle = tmp_path / "sudo", tmp_path / "id"
    sudo.write_text('#!/bin/sh\nshift\nexec "$@"\n')
    idle.write_text("#!/bin/sh\necho 1000\n")
    for tool in (sudo, idle):
        tool.chmod(0o755)
    parts = {f"p{n}": Part(f": {'x' * 4000}; echo {n}", root=True) for n in range(50)}
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    got = answers(shell, parts, env=env, sudo=True)
    assert [one.stdout for one in got.values()] == [f"{n}\n" for n in range(50)]

"""Answers that consist of several outputs, one behind the other."""

from __future__ import annotations

MARK = "==sickbay=="


def mark(name: str) -> str:
    """The shell command that begins the section ``name``."""
    return f"echo '{MARK} {name}'"


def sections(out: str) -> dict[str, str]:
    """What stands behind each mark; ValueError when there is none at all."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in out.split("\n"):
        if line.startswith(f"{MARK} "):
            lines = found.setdefault(line[len(MARK) + 1 :], [])
        else:
            lines.append(line)
    if not found:
        raise ValueError("the answer is empty")
    return {name: "\n".join(text).strip("\n") for name, text in found.items()}


def fields(text: str) -> dict[str, str]:
    """Lines of ``name value`` or ``name: value`` as a dictionary; the first of a name counts."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if value:
            found.setdefault(name.rstrip(":"), value.strip())
    return found

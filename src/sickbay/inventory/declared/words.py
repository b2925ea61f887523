"""The words of a host's declarations: names, paths, addresses, and what makes each valid."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

HIGHEST_PORT = 65535


def _port(value: str | int) -> str | int:
    number = re.fullmatch(r"(?:\S+:)?(\d{1,5})", str(value))
    if number is None or not 1 <= int(number[1]) <= HIGHEST_PORT:
        raise ValueError(f"expected a TCP port such as 5432 or 127.0.0.1:5432, not {value!r}")
    return value


def _unit(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9:_.\\@-]{1,255}", value) or value.startswith("-"):
        raise ValueError(f"expected the name of a systemd unit such as nginx, not {value!r}")
    return value


def _path(value: str) -> str:
    if not value.startswith("/") or not value.isprintable():
        raise ValueError(f"expected an absolute path, not {value!r}")
    return value


def _address(value: str) -> str:
    matched = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[\w.-]{1,253}):(\d{1,5})", value)
    if matched is None or value.startswith("-") or not 1 <= int(matched[2]) <= HIGHEST_PORT:
        raise ValueError(f"expected HOST:PORT such as db.example.com:5432, not {value!r}")
    return value


def _tool(value: str) -> str:
    if not re.fullmatch(r"[\w./+-]{1,200}", value) or value.startswith("-"):
        raise ValueError(f"expected the name of a command such as curl, not {value!r}")
    return value


def _sysctl(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9_-]+(?:[./][a-zA-Z0-9_-]+)+", value):
        raise ValueError(
            f"expected the name of a kernel setting such as vm.swappiness, not {value!r}"
        )
    return value


def _tag(value: str) -> str:
    if not re.fullmatch(r"[^\s-][^\s]{0,63}", value) or not value.isprintable():
        raise ValueError(f"expected a name that programs log under such as CRON, not {value!r}")
    return value


def _name(value: str) -> str:
    if not re.fullmatch(r"\w[\w.-]{0,63}", value):
        raise ValueError(f"expected a name of letters, digits, dots and dashes, not {value!r}")
    return value


def _text(value: str) -> str:
    if not value or not value.isprintable():
        raise ValueError(f"expected a text within one line, not {value!r}")
    return value


def _owners(value: str) -> str:
    if not re.fullmatch(r"\w[\w.-]{0,63}(?::\w[\w.-]{0,63})?", value):
        raise ValueError(f"expected ACCOUNT or ACCOUNT:GROUP such as shop:www-data, not {value!r}")
    return value


def _rights(value: str | int) -> str:
    if not re.fullmatch(r"0?[0-7]{3}", str(value)):
        raise ValueError(f"expected rights such as '640' (octal), not {value!r}")
    return str(value)[-3:]


def _wanted(value: str | int) -> str:
    if not re.fullmatch(r"(?:>=|<=)? ?\S[^\n]*", str(value)):
        raise ValueError(f"expected a value such as 10, or '>= 65536', not {value!r}")
    return str(value)


def _lineage(value: str) -> str:
    if not re.fullmatch(r"[\w*][\w.*-]{0,252}", value):
        raise ValueError(
            f"expected the name of a certbot lineage such as example.com, not {value!r}"
        )
    return value


def _variable(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w{0,200}", value):
        raise ValueError(f"expected the name of a variable such as SHOP_PORT, not {value!r}")
    return value


def _label(value: str) -> str:
    if not re.fullmatch(r"[\w.@-]{1,100}", value):
        raise ValueError(f"expected a name of letters, digits, dots and dashes, not {value!r}")
    return value


def _relative(value: str) -> str:
    if not value or not value.isprintable() or value.startswith("-"):
        raise ValueError(f"expected a path, not {value!r}")
    return value


Lineage = Annotated[str, AfterValidator(_lineage)]


def _cpu(value: object) -> object:
    if isinstance(value, bool) or not re.fullmatch(r"\d+(?:\.\d+)? ?%?", str(value), re.ASCII):
        raise ValueError(f"expected CPU cores such as 0.5, or a share such as 80 %, not {value!r}")
    return value


Label = Annotated[str, AfterValidator(_label)]
"""A name that the inventory gives to something."""
Variable = Annotated[str, AfterValidator(_variable)]
AnyPath = Annotated[str, AfterValidator(_relative)]
"""Absolute, or relative to where it is used."""
Path = Annotated[str, AfterValidator(_path)]
Tool = Annotated[str, AfterValidator(_tool)]
Address = Annotated[str, AfterValidator(_address)]
Sysctl = Annotated[str, AfterValidator(_sysctl)]
Rights = Annotated[str | int, AfterValidator(_rights)]
Wanted = Annotated[str | int, AfterValidator(_wanted)]
Port = Annotated[str | int, AfterValidator(_port)]
Account = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]
LoginItem = Annotated[str, Field(pattern="^[a-z]{1,20}$")]
PortNumber = Annotated[int, Field(ge=1, le=HIGHEST_PORT)]
Cpu = Annotated[float | str, BeforeValidator(_cpu)]
Unit = Annotated[str, AfterValidator(_unit)]
Tag = Annotated[str, AfterValidator(_tag)]
Name = Annotated[str, AfterValidator(_name)]
Owners = Annotated[str, AfterValidator(_owners)]
Text = Annotated[str, AfterValidator(_text)]

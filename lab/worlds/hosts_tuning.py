"""app1's settings file, which its declared keys are compared with, and which the shop can check."""

from __future__ import annotations

import os
from pathlib import Path

from lab.machines import Machine

SETTINGS = "/etc/shop/shop.toml"
TEXT = f"""\
[server]
port = 8000
workers = {os.cpu_count()}

[performance]
memory_limit_mb = 64
memory_warning_threshold = 70.0
cpu_cores = {os.cpu_count()}
cpu_warning_threshold = 65.0

[neural]
max_agents = 500
gpu_enabled = true
api_token = "canary-shop-token"
"""


def prepare(root: Path) -> None:
    """Lay the file out."""
    (root / SETTINGS[1:]).write_text(TEXT)


def mend(app1: Machine) -> None:
    """As it was."""
    app1.run(f"cat >{SETTINGS} <<'END'\n{TEXT}END")

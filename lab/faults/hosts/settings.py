"""app1's settings file is broken, or says something else than it should."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.fault import fault
from lab.machines import Machine
from lab.worlds.hosts_tuning import SETTINGS, mend

HUB = "ai-orchestrator-hub"
DOES_NOT_FIT = "it does not fit this host, or what was advised"


@contextmanager
def _edited(app1: Machine, edit: str) -> Iterator[None]:
    """The file after a sed script."""
    app1.run(f"sed -i '{edit}' {SETTINGS}")
    yield
    mend(app1)


@fault(
    "host.settings-broken",
    on="app1",
    cause="its syntax is wrong",
    also=["host.settings-refused@app1"],
    proves=[f"{HUB}:config-invalid/toml-parses"],
)
def quote_was_left_open(app1: Machine) -> Iterator[None]:
    """A token was edited by hand."""
    with _edited(app1, 's/canary-shop-token"/other/'):
        yield


@fault(
    "host.settings-broken",
    on="app1",
    cause="a key or table stands there twice",
    also=["host.settings-refused@app1"],
)
def table_was_appended_twice(app1: Machine) -> Iterator[None]:
    """A script appends its settings each time it runs."""
    with _edited(app1, "$ a [server]\\nport = 8000"):
        yield


@fault(
    "host.settings-broken",
    on="app1",
    cause="it is not there",
    also=["host.settings-refused@app1"],
)
def settings_file_is_gone(app1: Machine) -> Iterator[None]:
    """A deployment removed what it did not bring."""
    app1.run(f"rm {SETTINGS}")
    yield
    mend(app1)


@fault(
    "host.setting-wrong",
    on="app1",
    cause="it was changed on this side only",
    proves=[f"{HUB}:port-conflict/port-setting"],
)
def shop_is_to_move_and_its_proxy_was_not_told(app1: Machine) -> Iterator[None]:
    """The settings name port 8002; the shop (until it is restarted) and nginx still use 8000."""
    with _edited(app1, "s/^port = .*/port = 8002/"):
        yield


@fault(
    "host.setting-wrong",
    on="app1",
    cause="the key is not there, and the program's default applies",
    also=["host.settings-refused@app1"],
)
def port_was_left_out(app1: Machine) -> Iterator[None]:
    """A new settings file was written from memory."""
    with _edited(app1, "/^port/d"):
        yield


@fault(
    "host.setting-misplaced",
    on="app1",
    cause="it was appended at the end of the file, and fell into its last table",
    proves=[f"{HUB}:config-invalid/port-key-placed"],
)
def port_was_appended(app1: Machine) -> Iterator[None]:
    """With echo and >>, behind the table of something else."""
    with _edited(app1, "$ a port = 8002"):
        yield


@fault(
    "host.settings-refused",
    on="app1",
    cause="a value is not what the program takes",
    also=["host.setting-unadvised@app1"],
    proves=[f"{HUB}:config-invalid/config-check"],
)
def workers_are_written_as_a_word(app1: Machine) -> Iterator[None]:
    """TOML takes it; the program does not."""
    with _edited(app1, 's/^workers = .*/workers = "four"/'):
        yield


@fault(
    "host.setting-unadvised",
    on="app1",
    cause=DOES_NOT_FIT,
    proves=[f"{HUB}:memory-tuning/memory-limit"],
)
def memory_limit_is_beyond_the_memory(app1: Machine) -> Iterator[None]:
    """The settings came from a larger host."""
    with _edited(app1, "s/^memory_limit_mb = .*/memory_limit_mb = 65536/"):
        yield


@fault(
    "host.setting-unadvised",
    on="app1",
    cause=DOES_NOT_FIT,
    proves=[f"{HUB}:memory-tuning/memory-warning"],
)
def memory_warning_comes_too_late(app1: Machine) -> Iterator[None]:
    """Somebody was tired of it."""
    with _edited(app1, "s/^memory_warning_threshold = .*/memory_warning_threshold = 99.0/"):
        yield


@fault(
    "host.setting-unadvised",
    on="app1",
    cause="the key is not there, and the program's default applies",
    proves=[f"{HUB}:memory-tuning/max-agents"],
)
def agents_are_not_limited(app1: Machine) -> Iterator[None]:
    """The limit was never lowered from its default."""
    with _edited(app1, "/^max_agents/d"):
        yield


@fault(
    "host.setting-unadvised",
    on="app1",
    cause=DOES_NOT_FIT,
    proves=[f"{HUB}:cpu-tuning/workers-match-cores", f"{HUB}:cpu-tuning/cpu-cores-setting"],
)
def host_got_other_cores(app1: Machine) -> Iterator[None]:
    """The host was changed and the settings stayed."""
    with _edited(app1, "s/^workers = .*/workers = 64/; s/^cpu_cores = .*/cpu_cores = 64/"):
        yield


@fault(
    "host.setting-unadvised",
    on="app1",
    cause=DOES_NOT_FIT,
    proves=[f"{HUB}:cpu-tuning/cpu-warning"],
)
def cpu_warning_never_comes(app1: Machine) -> Iterator[None]:
    """A threshold that nothing can be above."""
    with _edited(app1, "s/^cpu_warning_threshold = .*/cpu_warning_threshold = 100.0/"):
        yield


@fault(
    "host.setting-unadvised",
    on="app1",
    cause=DOES_NOT_FIT,
    proves=[f"{HUB}:cpu-tuning/gpu-offload"],
)
def gpu_was_switched_off(app1: Machine) -> Iterator[None]:
    """While its driver was repaired."""
    with _edited(app1, "s/^gpu_enabled = .*/gpu_enabled = false/"):
        yield

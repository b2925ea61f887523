"""Which facts of a host are had with which rights, as the lab has seen it."""

from __future__ import annotations

from collections.abc import Mapping

from lab.world import ROOT
from sickbay.targets.kinds import known_facts

PAGE = ROOT / "docs/rights.md"
MEANS = ("an ordinary user", "in the groups", "`sudo: read`", "`sudo: true`")
"""The user's rights on the host, each with those before it."""
_HEAD = """\
# Rights on hosts

Written by `pytest selftest/lab/test_hosts_rights.py --record`, which has a real host observed with each
of these rights in turn. A fact that is denied makes its health tests "not evaluated", with what to
grant; none of them passes unseen.

- *An ordinary user* logs in and has no other right.
- *In the groups* adm and systemd-journal, who may read logs and the journal.
- *`sudo: read`*: sudo lets the user run shell scripts as nobody who may read every file and write
  none (`CAP_DAC_READ_SEARCH`, capabilities(7)). Whoever can use it can read every secret on the host.
- *`sudo: true`*: sudo lets the user run shell scripts as root. Needed for what only root is told: whose
  sockets and files are (ptrace(2)), the packet filter, and for what is tried as another account.

`sickbay grants NAME` prints what an inventory needs: groups, lines for sudoers, roles and policies.
"""


def page(denied: Mapping[str, frozenset[str]]) -> str:
    """The page for what was denied by each means; facts that all have are counted only."""
    facts = sorted(name for name, spec in known_facts().items() if spec.kind == "host")
    lacking = [name for name in facts if any(name in names for names in denied.values())]
    head = f"| fact | {' | '.join(MEANS)} |"
    rows = [
        f"| {name} | {' | '.join('denied' if name in denied[m] else 'had' for m in MEANS)} |"
        for name in lacking
    ]
    counts = " | ".join(f"{len(facts) - len(denied[means])}" for means in MEANS)
    return "\n".join(
        (
            _HEAD,
            head,
            f"|---|{'---|' * len(MEANS)}",
            *rows,
            f"| **of {len(facts)} facts not denied** | {counts} |",
            "",
        )
    )

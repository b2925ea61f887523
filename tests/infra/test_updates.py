"""Installed packages are those that the archives have now."""

from __future__ import annotations

from sickbay.inventory.host import HostLimits
from sickbay.judge import worst
from sickbay.symptoms import HealthTest, symptom
from sickbay.targets.host.facts.updates import Updates


@symptom(
    "host.security-updates-pending",
    severity="minor",
    signals=[
        "ai-orchestrator-hub:maintenance-overdue/security-updates",
        "claudebox:maintenance-job/no-pending-upgrades",
    ],
)
def test_no_security_update_waits(updates: Updates, limits: HostLimits) -> None:
    """Holes are open on this host for which there is a remedy already."""
    assert worst([updates], "security") <= limits.security_updates


@symptom(
    "host.updates-pending",
    severity="minor",
    signals=["claudebox:maintenance-job/no-pending-upgrades"],
    explained_by=["host.security-updates-pending"],
)
def test_no_update_waits(updates: Updates, limits: HostLimits) -> None:
    """Packages have newer versions that were not installed."""
    assert worst([updates], "pending") <= limits.updates_pending


def _explain(test: HealthTest) -> None:
    """The causes that both share."""

    @test.cause(
        "packages are held",
        remedy="apt-mark showhold, then apt-mark unhold PACKAGE once its reason is gone, and upgrade.",
    )
    def held(updates: Updates) -> object:
        return updates if updates.held else None

    @test.cause(
        "an upgrade needs other packages removed, and waits for somebody to agree",
        remedy="apt-get -s dist-upgrade says which; then run it without -s.",
    )
    def kept_back(updates: Updates) -> object:
        return updates if updates.kept_back else None

    @test.cause(
        "nothing installs them by itself",
        remedy="apt-get update && apt-get upgrade; install unattended-upgrades and enable "
        "apt-daily-upgrade.timer, or upgrade in the maintenance job.",
    )
    def by_hand(updates: Updates) -> object:
        return updates if updates.pending and not updates.automatic else None


for _test in (test_no_security_update_waits, test_no_update_waits):
    _explain(_test)

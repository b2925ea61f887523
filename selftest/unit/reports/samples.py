"""Diagnoses to render: a rich one, and the odd ones that a renderer must survive."""

from __future__ import annotations

from typing import Any

from sickbay.assess import Quantity, Ref, Verdict, WeighedCause
from sickbay.diagnosis import Diagnosis, Run, diagnose
from sickbay.inventory.endpoint import EndpointEntry
from sickbay.inventory.host import HostEntry
from sickbay.inventory.limits import Limits
from sickbay.inventory.targets import Target
from sickbay.targets.probe import Gap

HOSTILE = (
    "</script><script>alert('pwned')</script> \"'><img src=x onerror=alert(1)> {{ 7*7 }} "
    "]]> \x1b[31mred\x1b[0m \x00\x07 \u202eesrever | `code` **bold** @everyone [x](javascript:alert(1))"
)
"""What a log line may hold when somebody means harm."""

STARTED = "2026-11-23T06:33:04+00:00"


def run(**changes: Any) -> Run:
    """A run of an inventory named prod."""
    values: dict[str, Any] = {
        "inventory": "prod", "started": STARTED, "duration_s": 1.42,
        "options": {"hosts": "prod", "markers": "critical or major"},
    }  # fmt: skip
    return Run(**{**values, **changes})


def ref(symptom: str, target: str) -> Ref:
    return Ref(symptom=symptom, target=target)


def verdict(symptom: str, target: str, state: Any = "healthy", **changes: Any) -> Verdict:
    """A verdict; kind from the symptom's first word."""
    kind = symptom.partition(".")[0]
    layers = {"kubernetes": "k8s", "aws": "aws", "host": "infra", "inventory": "infra"}
    values: dict[str, Any] = {
        "kind": kind, "layer": layers.get(kind, "services"), "severity": "major",
        "title": TITLES.get(symptom, f"What {symptom} is about."), "state": state,
        "message": "" if state == "healthy" else "something is not as it should be",
    }  # fmt: skip
    return Verdict(symptom=symptom, target=target, **{**values, **changes})


TITLES = {
    "host.disk-filling": 'Writes fail with "No space left on device" once a file system is full.',
    "host.unit-failed": "A unit that systemd gave up on does not do its work.",
    "endpoint.wrong-status": "An answer with another status than the expected one is an error to its callers.",
    "host.unreachable": "A host that does not answer runs nothing that anyone can use.",
    "postgres.idle-sessions": "Idle sessions hold connections that others wait for.",
    "postgres.lock-waits": "Sessions that wait for locks keep their callers waiting.",
    "redis.memory-full": "A full Redis refuses writes, or drops keys.",
    "endpoint.certificate-expiring": "Clients refuse a certificate once it has expired.",
    "host.clock-unsynchronised": "Clocks that drift break logins, certificates and logs.",
    "inventory.waiver-expired": "A waiver tolerates a finding only until its day.",
}


def rich() -> Diagnosis:
    """A small system with a story of three, an unreachable host, a denial, waivers and warnings."""
    hosts = ["app1", "app2", "db1", "db2", "worker1"]
    verdicts = [
        verdict(
            "host.disk-filling", "app1", "finding", severity="critical",
            message="/var: used fraction 97 % is not < 85 %",
            measured=Quantity(value=0.97, text="97 %", unit="fraction", where="/var"),
            limit=Quantity(value=0.85, text="85 %", unit="fraction"),
            limit_name="disk_used", limit_source="inventories/prod.yaml:31",
            evidence=[
                {"_": "/var", "mount": "/var", "type": "ext4", "size": 21474836480,
                 "available": 644245094, "used_fraction": 0.97},
                {"_": "/srv", "mount": "/srv", "type": "xfs", "size": 107374182400,
                 "available": 12884901888, "used_fraction": 0.88},
            ],
            causes=[
                WeighedCause(
                    id="journal", text="the journal has outgrown its share", status="confirmed",
                    remedy="journalctl --vacuum-size=500M; then set SystemMaxUse=500M in "
                    "/etc/systemd/journald.conf and restart systemd-journald.",
                    evidence=[{"_": "/var/log/journal", "path": "/var/log/journal",
                               "size_bytes": 13314398618, "files": 148}],
                ),
                WeighedCause(
                    id="deleted", text="a process still holds deleted files open",
                    status="possible", remedy="lsof +L1; restart the process that holds them.",
                    detail="/proc of other users may not be read",
                ),
                WeighedCause(
                    id="images", text="unused container images fill the disk", status="ruled_out",
                    remedy="docker image prune", detail="there is no docker on this host",
                ),
            ],
            signals=("sergas:disk-full/root-usage", "claudebox:disk-full/usage"),
        ),
        verdict(
            "host.unit-failed", "app1", "finding", severity="major",
            message="sergas-agent.service, nginx.service",
            measured=Quantity(value=2, text="2", unit="count"), limit=Quantity(value=0, text="0"),
            evidence=[
                {"_": "sergas-agent.service", "name": "sergas-agent.service", "result": "exit-code",
                 "since": "2026-11-23T05:58:12Z",
                 "journal": "OSError: [Errno 28] No space left on device: '/var/lib/sergas/q.db'"},
                {"_": "nginx.service", "name": "nginx.service", "result": "exit-code",
                 "since": "2026-11-23T06:01:40Z", "journal": "pwrite() failed (28: No space left)"},
            ],
            causes=[WeighedCause(
                id="no-space", text="it could not write, for the disk is full", status="confirmed",
                remedy="Make room first, then systemctl restart the unit.",
                evidence=[{"text": "No space left on device"}])],
            explained_by=[ref("host.disk-filling", "app1")],
        ),
        verdict(
            "endpoint.wrong-status", "api", "finding", severity="critical",
            message="status 502 is not == 200",
            measured=Quantity(value=502, text="502"), limit=Quantity(value=200, text="200"),
            evidence=[{"_": "https://api.example.com/health", "status": 502, "seconds": 0.041,
                       "server": "nginx/1.22.1"}],
            causes=[WeighedCause(
                id="upstream-down", text="the proxy cannot reach the application behind it",
                status="confirmed", remedy="Look at the unit behind the proxy.")],
            explained_by=[ref("host.disk-filling", "app1"), ref("host.unit-failed", "app1")],
        ),
        verdict("endpoint.slow", "shop", "finding", severity="minor",
                message="total seconds 4.2 s is not < 1 s", limit_name="response_time",
                limit_source="default", explained_by=[ref("endpoint.wrong-status", "api")]),
        verdict(
            "host.unreachable", "db2", "finding", severity="critical",
            message='"unreachable" is not == "answered"',
            causes=[
                WeighedCause(id="refused", text="nothing listens on its SSH port", status="ruled_out",
                             remedy="systemctl start ssh"),
                WeighedCause(id="no-route", text="there is no way to it", status="confirmed",
                             remedy="Is it switched on? Check the route and the firewall.",
                             evidence=[{"text": "No route to host: 10.0.0.7 port 22"}]),
            ],
        ),
        verdict(
            "postgres.idle-sessions", "main", "finding", severity="major",
            message="idle sessions 83 is not <= 50", limit_name="idle_sessions",
            measured=Quantity(value=83, text="83", unit="count"),
            limit=Quantity(value=50, text="50", unit="count"), limit_source="default",
            evidence=[{"_": f"pid {n}", "pid": n, "user": "app", "state": "idle",
                       "idle_seconds": 5400 - n * 7} for n in range(4100, 4120)],
            evidence_left_out=63,
            causes=[WeighedCause(
                id="pool", text="a connection pool is larger than it needs to be", status="possible",
                remedy="Lower the pool's size, or set idle_session_timeout.",
                detail="pg_stat_activity hides the application_name of other roles")],
        ),
        verdict("redis.memory-full", "cache", "waived", message="used fraction 96 % is not < 90 %",
                waiver="resize booked (owner ops, until 2027-01-15)"),
        verdict("endpoint.certificate-expiring", "shop", "waived", severity="minor",
                message="days left 12 is not > 21",
                waiver="renewal on Monday (owner jo, until 2026-11-30)"),
        verdict("inventory.waiver-expired", "waivers", "finding", severity="major",
                message="host.overloaded on worker1",
                causes=[WeighedCause(
                    id="forgotten", text="the waiver was not looked at again in time",
                    status="confirmed", remedy="Mend what it tolerates, or agree on a new day.",
                    evidence=[{"text": "inventories/prod.yaml:88: host.overloaded on worker1 was "
                               "tolerated until 2026-10-31 by ops: the batch is being moved"}])]),
    ]  # fmt: skip
    for name in ("host.disk-filling", "host.memory-short", "host.overloaded", "host.unit-failed"):
        gap = Gap(reason="unreachable", detail="No route to host: 10.0.0.7 port 22")
        verdicts.append(
            verdict(
                name, "db2", "not_evaluated", gap=gap, explained_by=[ref("host.unreachable", "db2")]
            )
        )
    for name in ("postgres.lock-waits", "postgres.long-running", "postgres.idle-in-transaction"):
        gap = Gap(
            reason="denied",
            detail="the role monitor may not see the queries of other roles",
            remedy="GRANT pg_monitor TO monitor;",
        )
        verdicts.append(verdict(name, "main", "not_evaluated", gap=gap))
    for host in hosts:
        for name in ("unreachable", "disk-filling", "memory-short", "overloaded", "zombies"):
            if (f"host.{name}", host) not in {
                (v.symptom, v.target) for v in verdicts
            } and host != "db2":
                verdicts.append(verdict(f"host.{name}", host))
    verdicts += [
        verdict(f"redis.{n}", "cache") for n in ("unreachable", "evictions", "queue-growing")
    ]
    verdicts += [verdict(f"postgres.{n}", "main") for n in ("unreachable", "connections-short")]
    verdicts += [verdict(f"endpoint.{n}", t) for n in ("unreachable",) for t in ("api", "shop")]
    verdicts += [
        verdict("kubernetes.node-not-ready", "prod-cluster"),
        verdict("kubernetes.pod-crash-looping", "prod-cluster"),
        verdict("aws.function-errors", "account"),
        verdict(
            "redis.persistence-failing", "cache", "not_applicable", message="persistence is off"
        ),
    ]
    targets = [
        *(Target(name, HostEntry(), Limits()) for name in hosts),
        _rests("main", "postgres", "db1"),
        _rests("cache", "redis", "db1"),
        Target("api", EndpointEntry(url="https://api.example.com/health", runs_on="app1",
                                    depends_on=("main", "cache")), Limits()),
        Target("shop", EndpointEntry(url="https://shop.example.com/", runs_on="app2",
                                     depends_on=("api",)), Limits()),
    ]  # fmt: skip
    return diagnose(
        run(), verdicts, selected=len(verdicts) + 2, targets=targets,
        planned={"worker1": 7}, seconds=dict.fromkeys(["app1", "app2", "db1", "main"], 0.4),
        warnings=["inventories/prod.yaml:12: the password stands in the file: write ${VARIABLE}"],
    )  # fmt: skip


def _rests(name: str, kind: str, host: str) -> Target:
    class Own(HostEntry):
        pass

    Own.kind = kind  # type: ignore[misc]
    return Target(name, Own(runs_on=host), Limits())


def of(*verdicts: Verdict, not_run: int = 0, **changes: Any) -> Diagnosis:
    """The diagnosis of these verdicts."""
    return diagnose(run(**changes), verdicts, selected=len(verdicts) + not_run)


def empty() -> Diagnosis:
    """Nothing was selected, nothing came back."""
    return of()


def healthy(targets: int = 3, checks: int = 4) -> Diagnosis:
    """All is well."""
    return of(*(verdict(f"host.c{c}", f"h{t}") for t in range(targets) for c in range(checks)))


def interrupted_at_once() -> Diagnosis:
    """Ctrl-C while observing."""
    return of(not_run=12, interrupted=True)


def all_unreachable(targets: int = 4) -> Diagnosis:
    """No host answers; each of its health tests points at that."""
    gap = Gap(reason="timed_out", detail="no answer within 10 s", remedy="raise the deadline")
    verdicts = []
    for n in range(targets):
        name = f"h{n}"
        verdicts.append(
            verdict("host.unreachable", name, "finding", severity="critical", message="silent")
        )
        verdicts += [
            verdict(
                f"host.c{c}",
                name,
                "not_evaluated",
                gap=gap,
                explained_by=[ref("host.unreachable", name)],
            )
            for c in range(3)
        ]
    return of(*verdicts)


def one_finding() -> Diagnosis:
    """A single finding without any documented cause."""
    return of(
        verdict("host.zombies", "a", "finding", message="count 7 is not <= 5"),
        verdict("host.x", "a"),
    )


def chain() -> Diagnosis:
    """Three that explain one another: the last names both others."""
    return of(
        verdict("endpoint.wrong-status", "api", "finding", message="status 502 is not == 200",
                explained_by=[ref("host.disk-filling", "app1"), ref("host.unit-failed", "app1")]),
        verdict("host.unit-failed", "app1", "finding", message="agent.service",
                explained_by=[ref("host.disk-filling", "app1")]),
        verdict("host.disk-filling", "app1", "finding", severity="critical", message="/: full"),
    )  # fmt: skip


def circle() -> Diagnosis:
    """Three that explain one another in a circle, as the engine never gives them."""
    names = ["host.a", "host.b", "host.c"]
    return of(
        *(
            verdict(name, "t", "finding", explained_by=[ref(names[(i + 1) % 3], "t")])
            for i, name in enumerate(names)
        )
    )


def orphan() -> Diagnosis:
    """A finding whose explanation the run did not come to."""
    return of(
        verdict("endpoint.slow", "api", "finding", explained_by=[ref("host.overloaded", "app1")]),
        not_run=1,
        interrupted=True,
    )


def hostile() -> Diagnosis:
    """Everything that comes from outside means harm, and one line is very long."""
    long = "A" * 10_000 + HOSTILE
    return of(
        verdict(
            "host.log", HOSTILE, "finding", message=HOSTILE, title=HOSTILE,
            measured=Quantity(value=HOSTILE, text=HOSTILE), limit=Quantity(value=1, text=HOSTILE),
            limit_source=HOSTILE, limit_name=HOSTILE, signals=(HOSTILE,),
            evidence=[{"_": HOSTILE, HOSTILE: long, "n": None, "nested": {"a": [HOSTILE]}}],
            causes=[WeighedCause(id="c", text=HOSTILE, status="confirmed", remedy=HOSTILE,
                                 evidence=[{"text": long}], target=HOSTILE, detail=HOSTILE)],
        ),
        verdict("host.x", "t", "not_evaluated", message=HOSTILE,
                gap=Gap(reason="denied", detail=long, remedy=HOSTILE)),
        verdict("host.y", "t", "waived", message=HOSTILE, waiver=HOSTILE),
        verdict("host.z", "t", "not_applicable", message=HOSTILE),
        inventory=HOSTILE, options={"hosts": HOSTILE},
    )  # fmt: skip


def huge(targets: int = 1000, checks: int = 60, ill: int = 200) -> Diagnosis:
    """Many targets, most of them healthy; ``ill`` of them have findings in every fourth check."""
    verdicts = [
        verdict(
            f"host.c{c}",
            f"host-{t:04}",
            "finding" if t < ill and c % 4 == 0 else "healthy",
            evidence=[{"_": "row", "a": n, "b": "x" * 100} for n in range(20)]
            if t < ill and c % 4 == 0
            else [],
            message=f"{t} is not < {c}",
            causes=[WeighedCause(id="c", text=f"cause {t}", status="confirmed", remedy="mend it")]
            if t < ill
            else [],
        )
        for t in range(targets)
        for c in range(checks)
    ]
    return of(*verdicts)


EVERY = {
    "rich": rich, "empty": empty, "healthy": healthy, "interrupted": interrupted_at_once,
    "all unreachable": all_unreachable, "one finding": one_finding, "chain": chain,
    "circle": circle, "orphan": orphan, "hostile": hostile,
}  # fmt: skip

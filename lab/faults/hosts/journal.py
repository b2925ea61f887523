"""app1's journal tells of failures, of crashes and of strangers; it falls silent, or is not kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.fault import fault
from lab.machines import Machine
from lab.worlds import hosts_journal
from lab.worlds.hosts import Hosts


@contextmanager
def _saying(hosts: Hosts, shell: str) -> Iterator[None]:
    """The shop, having run a piece of shell right after its start; then all that is forgotten."""
    hosts.app1.run(f"cat >/run/say <<'END'\n{shell}\nEND")
    hosts.unit(hosts.app1, "shop-app", "[Service]\nExecStartPost=-/bin/sh /run/say\n")
    hosts.wait_for_shop()
    yield
    hosts.unit(hosts.app1, "shop-app")


@contextmanager
def _logged(hosts: Hosts, *commands: str) -> Iterator[None]:
    """What commands wrote to the journal, until it is forgotten."""
    hosts.app1.run("\n".join(commands))
    yield
    hosts.unit(hosts.app1, "shop-app")


@fault(
    "host.journal-match",
    on="app1",
    cause="what it needs refuses it, or does not answer",
    proves=["ai-orchestrator-hub:database-unreachable/no-connection-errors"],
)
def shop_reports_a_lost_database(hosts: Hosts) -> Iterator[None]:
    """The shop says that its database refused it, at a priority that nobody filters for."""
    with _saying(hosts, "echo database connection failed, connection refused"):
        yield


@fault(
    "host.journal-match",
    on="app1",
    cause="the program itself reports failures",
    proves=[
        "ai-orchestrator-hub:journal-errors/no-error-priority",
        "ai-orchestrator-hub:neural-failing/no-neural-errors",
        "claudebox:health-check-script/claudebox-unit-journal-quiet",
    ],
)
def shop_reports_an_error(hosts: Hosts) -> Iterator[None]:
    """The shop reports an error of one of its parts with priority err."""
    with _saying(hosts, "echo '<3>neural: CUDA_ERROR_NO_DEVICE'"):
        yield


@fault(
    "host.journal-match",
    on="app1",
    cause="the program itself reports failures",
    proves=["ai-orchestrator-hub:error-patterns/structured-errors"],
)
def shop_writes_an_error_record(hosts: Hosts) -> Iterator[None]:
    """The shop logs JSON; to the journal all of it has priority info."""
    with _saying(hosts, """echo '{"level": "error", "message": "order 7 was lost"}'"""):
        yield


@fault(
    "host.journal-match",
    on="app1",
    cause="somebody is refused: a wrong password, or no right",
    proves=[
        "ai-orchestrator-hub:authentication-failing/auth-failure-rate",
        "ai-orchestrator-hub:unauthorized-access/no-security-events",
    ],
)
def shop_refuses_many_logins(hosts: Hosts) -> Iterator[None]:
    """50 wrong passwords, and an alarm of the shop over them."""
    with _saying(
        hosts,
        "for n in $(seq 50); do echo auth failed for user guest; done; "
        "echo '<4>security: unauthorized access attempt'",
    ):
        yield


@fault(
    "host.journal-match",
    on="app1",
    cause="the program itself reports failures",
    proves=["claudebox:backups/backup-log-clean"],
)
def backup_reports_an_error(hosts: Hosts) -> Iterator[None]:
    """The backup ran, and failed."""
    with _logged(hosts, "logger -t shop-backup 'ERROR backup failed: pg_dump ended with 1'"):
        yield


@fault(
    "host.journal-match",
    on="app1",
    cause="it ran short of memory, disk or CPU",
    proves=["claudebox:performance-monitoring/no-recent-warnings"],
)
def monitor_warns(hosts: Hosts) -> Iterator[None]:
    """The operator's own script saw little memory ten minutes ago, and there is enough again."""
    with _logged(hosts, "logger -t shop-monitor 'WARNING: High memory usage: 91%'"):
        yield


@fault(
    "host.journal-silent",
    on="app1",
    cause="its unit is active, and what it says does not reach the journal",
    proves=["ai-orchestrator-hub:journal-errors/journal-alive"],
)
def shop_is_not_heard(hosts: Hosts) -> Iterator[None]:
    """What the shop prints goes nowhere."""
    hosts.unit(hosts.app1, "shop-app", "[Service]\nStandardOutput=null\nStandardError=null\n")
    hosts.wait_for_shop()
    hosts_journal.forget(hosts.app1)
    hosts.app1.run(f"mv {hosts_journal.SPOKEN} /root")
    yield
    hosts.app1.run(f"mv /root/spoken.journal {hosts_journal.SPOKEN}")
    hosts.unit(hosts.app1, "shop-app")


@fault(
    "host.journal-errors",
    on="app1",
    cause="something critical happened",
    proves=["claudebox:system-down/system-journal-quiet"],
)
def something_critical_is_logged(hosts: Hosts) -> Iterator[None]:
    """Four disks of an array fail."""
    with _logged(
        hosts, "for n in 1 2 3 4; do logger -p daemon.crit -t raid disk $n of md0 has failed; done"
    ):
        yield


@fault(
    "host.journal-errors",
    on="app1",
    cause="one source writes most of the errors",
    proves=["claudebox:system-down/system-journal-quiet"],
)
def one_program_writes_errors(hosts: Hosts) -> Iterator[None]:
    """A program writes 60 errors in a moment."""
    with _logged(hosts, "for n in $(seq 60); do echo job $n is lost; done | logger -p daemon.err"):
        yield


@fault(
    "host.journal-errors",
    on="app1",
    cause="errors come from many sources, as where something fails that all of them need",
)
def many_programs_write_errors(hosts: Hosts) -> Iterator[None]:
    """Three programs cannot reach the same server."""
    with _logged(
        hosts,
        *(
            f"for n in $(seq 20); do echo no answer; done | logger -p daemon.err -t {name}"
            for name in ("mailer", "importer", "reporter")
        ),
    ):
        yield


@fault(
    "host.errors-rising",
    on="app1",
    cause="it reported hardly any before",
    proves=["ai-orchestrator-hub:journal-errors/error-rate-in-log"],
    also=["host.journal-errors@app1", "host.journal-match@app1"],
)
def shop_reports_more_and_more_errors(hosts: Hosts) -> Iterator[None]:
    """The shop, silent so far, reports 200 errors at once."""
    with _saying(hosts, "for n in $(seq 200); do echo '<3>order' $n is lost; done"):
        yield


@fault(
    "host.errors-repeated",
    on="app1",
    cause="one fault keeps coming back",
    proves=["ai-orchestrator-hub:error-patterns/repeated-errors"],
)
def shop_reports_the_same_again_and_again(hosts: Hosts) -> Iterator[None]:
    """The same error for 30 requests, each with an id of its own."""
    with _saying(hosts, "for n in $(seq 30); do echo ERROR request 4f0c$n: no such article; done"):
        yield


@fault(
    "host.trouble-logged",
    on="app1",
    cause="a program crashed",
    proves=["sergas:application-crashes/segfaults"],
    also=["host.unit-restarted@app1"],
)
def shop_crashes_and_is_back(hosts: Hosts) -> Iterator[None]:
    """A segmentation fault ends the shop; systemd starts it anew before anybody sees it."""
    hosts.unit(hosts.app1, "shop-app", "[Service]\nRestart=always\nRestartSec=0\n")
    hosts.wait_for_shop()
    hosts.app1.run("kill -SEGV $(systemctl show --value -p MainPID shop-app)")
    hosts.app1.wait_for("journalctl -q -u shop-app | grep -q SEGV && systemctl is-active shop-app")
    hosts.wait_for_shop()
    yield
    hosts.unit(hosts.app1, "shop-app")


@fault(
    "host.trouble-logged",
    on="app1",
    cause="memory was refused, or ran out",
    proves=["ai-orchestrator-hub:out-of-memory/no-memory-errors"],
)
def memory_is_refused(hosts: Hosts) -> Iterator[None]:
    """A program asks for more memory than its limit allows."""
    with _saying(hosts, "ulimit -v 200000; exec python3 -c 'bytearray(10**9)'"):
        yield


@fault(
    "host.trouble-logged",
    on="app1",
    cause="no space was left on a file system",
    proves=["sergas:database-disk-full/no-space-errors"],
)
def disk_was_full_for_a_moment(hosts: Hosts) -> Iterator[None]:
    """A program fills /var/tmp, fails, and leaves nothing behind."""
    with _logged(
        hosts,
        "systemd-run -q --wait sh -c 'head -c 20M /dev/zero >/var/tmp/export; rm /var/tmp/export'",
    ):
        yield


@fault(
    "host.trouble-logged",
    on="app1",
    cause="another process holds its port",
    proves=["sergas:application-wont-start/port-bind-errors"],
)
def shop_is_started_twice(hosts: Hosts) -> Iterator[None]:
    """A second shop wants the port of the first."""
    twice = "until ss -Hltn sport = :8000 | grep -q .; do sleep 0.1; done; exec python3 /opt/shop/app.py"
    with _saying(hosts, twice):
        yield


@fault(
    "host.crash-dumps",
    on="app1",
    cause="a crash left a file in /var/crash",
    proves=["sergas:application-crashes/crash-dumps"],
)
def crash_left_a_file(app1: Machine) -> Iterator[None]:
    """A dump lies where apport and kdump put them."""
    app1.run("mkdir /var/crash; head -c 9999 /dev/zero >/var/crash/_opt_shop_app.py.998.crash")
    yield
    app1.run("rm -r /var/crash")


@fault(
    "host.crash-dumps",
    on="app1",
    cause="a program crashed, and systemd kept its memory",
    how="a file put where systemd-coredump puts them: the kernel's core_pattern is shared",
)
def systemd_kept_a_core(app1: Machine) -> Iterator[None]:
    """systemd-coredump wrote a program's memory to disk."""
    place = "/var/lib/systemd/coredump"
    app1.run(f"mkdir -p {place}; head -c 9999 /dev/zero >{place}/core.python3.998.4711.zst")
    yield
    app1.run(f"rm -r {place}")


@fault(
    "host.logins-guessed",
    on="app1",
    cause="names and passwords are tried",
    proves=["claudebox:support-escalation/no-ssh-brute-force"],
)
def names_are_tried(hosts: Hosts) -> Iterator[None]:
    """Somebody tries a dozen names at sshd."""
    quiet = "-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    with _logged(
        hosts,
        f"for n in $(seq 12); do ssh -q {quiet} guest$n@127.0.0.1 true & done; wait",
    ):
        yield


@fault(
    "host.logins-guessed",
    on="app1",
    cause="root came in by a password",
    proves=["claudebox:support-escalation/no-ssh-brute-force"],
)
def root_comes_in_by_a_password(hosts: Hosts) -> Iterator[None]:
    """sshd was told to let root in by a password, and somebody knows it."""
    quiet = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    settings = "/etc/ssh/sshd_config.d/root.conf"
    with _logged(
        hosts,
        f"echo 'PermitRootLogin yes' >{settings}; systemctl reload ssh; echo root:lab | chpasswd",
        "printf '#!/bin/sh\\necho lab\\n' >/run/askpass; chmod 700 /run/askpass; sleep 0.3",
        f"SSH_ASKPASS=/run/askpass SSH_ASKPASS_REQUIRE=force ssh -q {quiet} root@127.0.0.1 true",
    ):
        yield
        hosts.app1.run(f"passwd -q -l root; rm {settings} /run/askpass; systemctl reload ssh")


@fault(
    "host.journal-short",
    on="app1",
    cause="it is kept in memory, and gone after a restart",
    proves=[
        "ai-orchestrator-hub:error-patterns/day-of-journal",
        "claudebox:support-channels/logs-collectable",
    ],
)
def journal_is_kept_in_memory(hosts: Hosts) -> Iterator[None]:
    """journald was told not to use the disk."""
    settings = "/etc/systemd/journald.conf.d"
    hosts.app1.run(
        f"mkdir {settings}; printf '[Journal]\\nStorage=volatile\\n' >{settings}/lab.conf\n"
        "systemctl restart systemd-journald"
    )
    yield
    hosts.app1.run(f"rm -r {settings}; systemctl restart systemd-journald; journalctl --flush")
    hosts.unit(hosts.app1, "shop-app")


@fault(
    "host.journal-short",
    on="app1",
    cause="too little room is given to it, or it was emptied",
    proves=["ai-orchestrator-hub:error-patterns/day-of-journal"],
)
def journal_was_emptied(hosts: Hosts) -> Iterator[None]:
    """Somebody removed all but the last minutes of it."""
    hosts.app1.wait_for("[ $(ps -o etimes= -p 1) -gt 40 ]", seconds=60)
    hosts.app1.run(f"cd {hosts_journal.PLACE}; mv before.journal spoken.journal /root")
    hosts.unit(hosts.app1, "shop-app")
    yield
    hosts.app1.run(f"cd /root; mv before.journal spoken.journal {hosts_journal.PLACE}")


@fault(
    "host.journal-overlong",
    on="app1",
    cause="nothing bounds how long it is kept",
    proves=["claudebox:disk-space/journal-retention"],
)
def journal_goes_back_too_far(app1: Machine) -> Iterator[None]:
    """An archived file of the journal is ten days old."""
    age = 10 * hosts_journal.DAY
    series = "system@00000000000000000000000000000002-0000000000000001"
    app1.run(f"mkdir -p {hosts_journal.PLACE}")
    archive = (
        f"{hosts_journal.PLACE}/{series}-$(printf %016x $(($(date +%s) - {age}))000000).journal"
    )
    hosts_journal.put(app1, archive, age)
    yield
    app1.run(f"rm {hosts_journal.PLACE}/{series}-*")

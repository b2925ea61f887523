"""app1's backups: a dump of the database and an archive of the shop, two of each, by the real tools."""

from __future__ import annotations

from lab.machines import Machine

FOLDER = "/srv/backups"
RELEASE = "/opt/shop/release"
"""Says which version of the shop is deployed."""
DUMP, ARCHIVE = f"{FOLDER}/shop-2.dump", f"{FOLDER}/shop-2.tar.gz"


def settle(app1: Machine, db1: Machine) -> None:
    """Today's and yesterday's; the archive has a checksum beside it."""
    db1.run(
        "su postgres -c 'psql -qc \"CREATE TABLE orders AS SELECT n FROM generate_series(1, 2000) n\" shop'\n"
        "su postgres -c 'pg_dump -Fc -f /var/lib/postgresql/shop.dump shop'"
    )
    dump = (db1.root / "var/lib/postgresql/shop.dump").read_bytes()
    (app1.root / "srv/backups").mkdir(parents=True)
    for number in (1, 2):
        (app1.root / f"srv/backups/shop-{number}.dump").write_bytes(dump)
    app1.run(
        f"touch -d '2 hours ago' {RELEASE}; cd {FOLDER}; for n in 1 2; do tar -czf shop-$n.tar.gz -C / etc/shop opt/shop; done\n"
        "sha256sum shop-2.tar.gz >shop-2.tar.gz.sha256\n"
        "touch -d '25 hours ago' shop-1.*; touch -d '1 hour ago' shop-2.*"
    )

"""The detection matrix as files: what is proven, for the command line, and as a table to read.

    python -m lab.matrix

A fault counts as proof once its snapshot is recorded, and it is recorded only when the run on the
real system found what it had to (``make record``). The fast tests judge every recording again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lab.fault import WORLDS, Fault, all_faults
from lab.reference import PAGE, reference
from lab.world import RECORDINGS, ROOT
from sickbay.coverage import REAL, Outcome, by_system, outcomes
from sickbay.suite import find, shipped_tests
from sickbay.symptoms import LAYERS, Symptom

PROOFS = ROOT / "src/sickbay/proofs.json"
TABLE = ROOT / "docs/matrix.md"
SIGNALS = ROOT / "docs/signals.md"


def recorded() -> list[Fault]:
    """The faults whose snapshot is kept."""
    return [fault for fault in all_faults() if (RECORDINGS / f"{fault.recording}.json.gz").exists()]


def symptoms() -> tuple[Symptom, ...]:
    """Every symptom that the suite knows."""
    tests = shipped_tests()
    assert tests is not None
    return find([tests]).symptoms


def proofs() -> str:
    """What is proven, as the JSON that travels with the package."""
    rows: list[dict[str, Any]] = [
        {
            "fault": fault.name,
            "symptom": fault.symptom,
            "target": fault.on,
            "cause": fault.cause,
            "signals": list(fault.proves),
            "how": fault.how,
        }
        for fault in recorded()
    ]
    return json.dumps(rows, indent=1) + "\n"


def table() -> str:
    """What is proven, for people."""
    faults = recorded()
    known = symptoms()
    proven = {fault.symptom for fault in faults}
    real = sum(fault.how == "real" for fault in faults)
    lines = [
        "# The detection matrix",
        "",
        "Written by `python -m lab.matrix` from the faults in `lab/faults` whose run on the real system",
        "was as it had to be: the symptom found on that target with that cause confirmed, and nothing",
        "found that the fault does not explain. Faults are set one after the other, so the run under the",
        "next one shows that the last is gone; the last run, under none, finds a world that is healthy.",
        "`make test` does all of this again; `make record` keeps the snapshots (`lab/recordings`), which",
        "the fast tests judge anew in seconds.",
        "",
        f"{len(faults)} faults, {real} of them real, prove {len(proven)} of {len(known)} symptoms.",
        "",
    ]
    for world in WORLDS:
        lines += [
            f"## World `{world}`",
            "",
            "| symptom | on | fault | cause confirmed | how |",
            "| --- | --- | --- | --- | --- |",
        ]
        lines += [
            f"| `{f.symptom}` | {f.on} | {f.name}: {_first_line(f.doc)} | {f.cause or ''} | {f.how} |"
            for f in sorted(
                (f for f in faults if f.world == world), key=lambda f: (f.symptom, f.name)
            )
        ]
        lines.append("")
    lines += ["## Not proven by a fault", "", *_unproven(known, proven), ""]
    return "\n".join(lines)


def _unproven(known: Iterable[Symptom], proven: set[str]) -> list[str]:
    rows = [f"- `{symptom.id}`: {symptom.title}" for symptom in known if symptom.id not in proven]
    return rows or ["None: every symptom has been seen red by a fault, and green without it."]


def signals() -> str:
    """What became of every signal of the catalogue, for people. As ``proofs.json`` has it now."""
    found = outcomes(symptoms())
    lines = [
        "# The documented signals",
        "",
        "Written by `python -m lab.matrix`: every signal of the troubleshooting guides (`catalog/`), the",
        "symptom that decides it, and the faults that turned it red in the [detection matrix](matrix.md).",
        "What stands in italics is not real there, for the reason that the matrix gives. The same on the",
        "command line: `sickbay catalogue --signals`.",
        "",
        f"| {' | '.join(('system', *LAYERS, 'all', 'proven'))} |",
        f"|{' --- |' * (len(LAYERS) + 3)}",
        *(f"| {' | '.join(row)} |" for row in by_system(found)),
        "",
    ]
    for layer in LAYERS:
        lines += [
            f"## Layer `{layer}`",
            "",
            "| signal | decided by | proven by |",
            "| --- | --- | --- |",
        ]
        lines += [_signal_row(outcome) for outcome in found if outcome.signal.layer == layer]
        lines.append("")
    return "\n".join(lines)


def _signal_row(outcome: Outcome) -> str:
    faults = (p.fault if p.how == REAL else f"*{p.fault}*" for p in outcome.proofs)
    deciding = ", ".join(f"`{name}`" for name in outcome.symptoms)
    return f"| {outcome.signal.ref} | {deciding} | {', '.join(faults)} |"


def _first_line(doc: str) -> str:
    return doc.partition("\n")[0].replace("|", "\\|")


def main() -> None:
    """Write all of them."""
    PROOFS.write_text(proofs())
    TABLE.write_text(table())
    SIGNALS.write_text(signals())
    PAGE.write_text(reference(symptoms()))
    print(f"{Path(TABLE).relative_to(ROOT)}: {len(recorded())} faults")


if __name__ == "__main__":
    main()

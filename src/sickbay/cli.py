"""The command line ``sickbay``: what the suite knows, without looking at anything."""

from __future__ import annotations

import argparse
import difflib
import json
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sickbay.assess import AMBIENT
from sickbay.coverage import REAL, Outcome, by_system, outcomes
from sickbay.errors import UsageError
from sickbay.grants import grants
from sickbay.inventory.schema import KnownLimit, known_limits, schema_text
from sickbay.inventory.select import Selector, inventory_folders, narrowed
from sickbay.suite import catalogue, find, limits_used, proofs, shipped_tests
from sickbay.symptoms import LAYERS, SEVERITIES, Symptom
from sickbay.targets.kinds import KINDS, known_facts

USAGE = 2
_WIDTH = 100
_DESCRIPTION = """\
What Sickbay knows about sick systems. This command looks at nothing; pytest does:

  pytest --hosts=local                  this machine
  pytest -m critical --hosts=prod       inventories/prod.yaml, what hurts users now
  pytest --help                         all options (see the group "sickbay")
"""
_EXAMPLES = {
    "symptoms": """\
examples:
  sickbay symptoms --layer=infra --severity=critical
  sickbay symptoms --json | jq -r '.[].id'
  sickbay symptoms tests/ mytests/      the shipped health tests and your own
""",
    "explain": """\
examples:
  sickbay explain host.disk-filling
  sickbay explain mine.queue-stuck mytests/
""",
    "schema": """\
example:
  sickbay schema > inventories/schema.json
and as the first line of an inventory, for editors that speak to yaml-language-server:
  # yaml-language-server: $schema=schema.json
""",
    "limits": """\
examples:
  sickbay limits
  sickbay limits --yaml                 as a section of an inventory, all commented out
""",
    "grants": """\
examples:
  sickbay grants prod
  sickbay grants prod --limit=web1 --severity=critical
""",
    "catalogue": """\
examples:
  sickbay catalogue
  sickbay catalogue --missing --layer=k8s
  sickbay catalogue --signals --layer=infra | less
""",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 0, 1 where a test file is broken, 2 for wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except UsageError as error:
        print(f"sickbay: {error}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:  # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "sickbay",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: Any, about: str) -> argparse.ArgumentParser:
        made = commands.add_parser(
            name,
            help=about,
            description=about[0].upper() + about[1:] + ".",
            epilog=_EXAMPLES[name],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        made.set_defaults(run=run)
        return made

    made = command("symptoms", _symptoms, "list what the health tests look for")
    _add_paths(made)
    made.add_argument("--layer", choices=LAYERS, help="only those of a layer")
    made.add_argument("--severity", choices=SEVERITIES, help="only those of a severity")
    made.add_argument(
        "--kind", choices=[*KINDS, "inventory"], help="only those of a kind of target"
    )
    made.add_argument("--json", action="store_true", help="as data")
    made = command(
        "explain", _explain, "say what a symptom looks at, its limits, causes and remedies"
    )
    made.add_argument("id", metavar="ID", help="the symptom's id, such as host.disk-filling")
    _add_paths(made)
    command("schema", _schema, "print the JSON Schema of an inventory")
    made = command("limits", _limits, "list the limits that an inventory can set")
    how = made.add_mutually_exclusive_group()
    how.add_argument("--yaml", action="store_true", help="as a commented section of an inventory")
    how.add_argument("--json", action="store_true", help="as data")
    made = command("catalogue", _catalogue, "tell which documented signals are decided and proven")
    _add_paths(made)
    made.add_argument("--layer", choices=LAYERS, help="only the signals of a layer")
    how = made.add_mutually_exclusive_group()
    how.add_argument("--missing", action="store_true", help="list those that no symptom decides")
    how.add_argument(
        "--signals",
        action="store_true",
        help="list each with its symptom and the faults that prove it",
    )
    how.add_argument("--json", action="store_true", help="as data")
    made = command("grants", _grants, "list the rights that a run on an inventory needs")
    made.add_argument("inventory", metavar="NAME", help="its name or path, as with pytest --hosts")
    made.add_argument("--limit", metavar="WORDS", help="only these targets, as with pytest --limit")
    made.add_argument("--severity", choices=SEVERITIES, help="for symptoms of a severity only")
    return parser


def _add_paths(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        metavar="PATH",
        help="files or folders of health tests (default: the shipped ones)",
    )


# ---------------------------------------------------------------------- symptoms


def _symptoms(options: argparse.Namespace) -> int:
    found, code = _found(options.paths)
    chosen = [
        symptom
        for symptom in found
        if options.layer in {None, symptom.layer}
        and options.severity in {None, symptom.severity}
        and options.kind in {None, symptom.kind}
    ]
    if options.json:
        print(json.dumps([_as_data(symptom) for symptom in chosen], indent=1))
        return code
    rows = [
        (s.id, s.severity, s.layer, s.kind, str(len(s.signals)), s.title)
        for s in sorted(chosen, key=lambda s: (LAYERS.index(s.layer), s.kind, s.id))
    ]
    _print_table(("id", "severity", "layer", "kind", "signals", "title"), rows)
    print(
        f"\n{len(chosen)} symptoms, {len({s for c in chosen for s in c.signals})} signals decided"
    )
    return code


def _as_data(symptom: Symptom) -> dict[str, Any]:
    return {
        "id": symptom.id,
        "severity": symptom.severity,
        "layer": symptom.layer,
        "kind": symptom.kind,
        "title": symptom.title,
        "signals": list(symptom.signals),
        "causes": [
            {"id": cause.id, "text": cause.text, "remedy": cause.remedy} for cause in symptom.causes
        ],
        "proven_by": [
            {"fault": p.fault, "cause": p.cause, "signals": list(p.signals), "how": p.how}
            for p in proofs()
            if p.symptom == symptom.id
        ],
    }


def _found(paths: Sequence[Path]) -> tuple[tuple[Symptom, ...], int]:
    """The symptoms in these paths (else the shipped ones), and the exit code that they leave."""
    if not paths:
        shipped = shipped_tests()
        if shipped is None:
            raise UsageError("the health tests are not installed; give the path of their folder")
        paths = [shipped]
    if str(Path.cwd()) not in sys.path:  # as pytest's own `python -m pytest` has it
        sys.path.insert(0, str(Path.cwd()))
    found = find(paths)
    for broken in found.broken:
        print(f"sickbay: {broken}", file=sys.stderr)
    return found.symptoms, 1 if found.broken else 0


# ---------------------------------------------------------------------- grants


def _grants(options: argparse.Namespace) -> int:
    found, code = _found(())
    selector = Selector(folders=inventory_folders(Path.cwd()))
    inventory = selector.inventory(options.inventory)
    if options.limit:
        inventory = narrowed(inventory, options.limit)
    chosen = [one for one in found if options.severity in {None, one.severity}]
    for target, needed in grants(inventory, chosen).items():
        print(f"{target.name}  ({target.kind})")
        if not needed:
            print("  a login is enough")
        for grant in needed:
            print(f"  {grant.what}\n    {grant.text}")
            if grant.why:
                print("\n".join(_wrapped(grant.why, "    for ", "        ")))
        print()
    return code


# ---------------------------------------------------------------------- explain


def _explain(options: argparse.Namespace) -> int:
    found, code = _found(options.paths)
    by_id = {symptom.id: symptom for symptom in found}
    symptom = by_id.get(options.id)
    if symptom is None:
        near = difflib.get_close_matches(options.id, by_id, n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; sickbay symptoms lists all"
        raise UsageError(f"there is no symptom {options.id!r}{hint}")
    print("\n".join(_explanation(symptom)))
    return code


def _explanation(symptom: Symptom) -> Iterator[str]:
    yield f"{symptom.id}  ({symptom.severity}, {symptom.layer}, about {symptom.kind} targets)"
    yield from _wrapped(symptom.doc, "  ")
    if symptom.active:
        yield "  May have a side effect: runs only with --active."
    yield from _looks_at(symptom)
    yield from _with_limits(symptom)
    if symptom.causes:
        yield "\nCauses"
    for cause in symptom.causes:
        yield from _wrapped(cause.text, "  - ", "    ")
        yield from _wrapped(f"remedy: {cause.remedy}", "    ")
        if cause.because:
            yield f"    explained by: {', '.join(cause.because)}"
    if symptom.explained_by:
        yield "\nExplained, where they show on this or a related target, by"
        yield from _wrapped(", ".join(symptom.explained_by), "  ")
    if symptom.signals:
        yield "\nDecides these signals of the troubleshooting guides"
    for ref in symptom.signals:
        signal = catalogue().get(ref)
        yield f"  {ref}"
        yield from _wrapped(
            f"healthy: {signal.healthy}" if signal else "not in the catalogue", "    "
        )
    proven = [proof for proof in proofs() if proof.symptom == symptom.id]
    if proven:
        yield "\nProven by these faults"
    for proof in proven:
        yield f"  {proof.fault}{f' ({proof.how})' if proof.how else ''}"


def _looks_at(symptom: Symptom) -> Iterator[str]:
    specs = known_facts()
    own = [name for name in symptom.needs if name not in AMBIENT]
    theirs = [n for c in symptom.causes for n in c.needs if n not in AMBIENT and n not in own]
    told = {"contact": "whether the target answered, and how that failed if not"}
    if not own and not theirs and "contact" not in symptom.needs:
        return
    yield "\nLooks at"
    for name in [*(n for n in symptom.needs if n in told), *own]:
        doc = told.get(name) or (specs[name].doc if name in specs else "a fixture of your own")
        yield from _wrapped(f"{name}: {' '.join(doc.split())}", "  ", "    ")
    for name in dict.fromkeys(theirs):
        doc = specs[name].doc.partition("\n")[0] if name in specs else "a fixture of your own"
        yield from _wrapped(f"{name} (for the causes): {doc}", "  ", "    ")


def _with_limits(symptom: Symptom) -> Iterator[str]:
    known = {limit.name: limit for limit in known_limits()}
    used = [known[name] for name in limits_used(symptom) if name in known]
    if used:
        yield "\nLimits (change them in the inventory)"
    for limit in used:
        yield from _wrapped(f"{limit.name} ({limit.default}): {limit.meaning}", "  ", "    ")


# ---------------------------------------------------------------------- schema and limits


def _schema(_: argparse.Namespace) -> int:
    print(schema_text(), end="")
    return 0


def _limits(options: argparse.Namespace) -> int:
    limits = list(known_limits())
    if options.json:
        print(json.dumps([vars(limit) for limit in limits], indent=1))
    elif options.yaml:
        print("\n".join(_limits_section(limits)))
    else:
        rows = [(limit.name, limit.section, limit.default, limit.meaning) for limit in limits]
        _print_table(("limit", "section", "default", "meaning"), rows)
    return 0


def _limits_section(limits: Iterable[KnownLimit]) -> Iterator[str]:
    yield "limits:"
    section = ""
    for limit in limits:
        if limit.section != section:
            section = limit.section
            yield f"  # {section}"
        yield f"  # {f'{limit.name}: {limit.default}':<38}# {limit.meaning}"


# ---------------------------------------------------------------------- catalogue


def _catalogue(options: argparse.Namespace) -> int:
    symptoms, code = _found(options.paths)
    found = outcomes(symptoms, options.layer)
    if not found:
        raise UsageError("the catalogue is not installed")
    unknown = sorted({ref for symptom in symptoms for ref in symptom.signals} - set(catalogue()))
    if options.json:
        print(json.dumps(_coverage_data(found, unknown), indent=1))
    elif options.missing:
        missing = [outcome.signal for outcome in found if not outcome.decided]
        rows = [(s.ref, s.layer, s.severity, s.healthy) for s in missing]
        _print_table(("signal", "layer", "severity", "healthy"), rows)
        print(f"\n{len(missing)} of {len(found)} signals are decided by no symptom")
    elif options.signals:
        _print_table(("signal", "decided by", "proven by"), map(_outcome_row, found))
        print(
            f"\n{sum(o.decided for o in found)} of {len(found)} signals decided, "
            f"{sum(o.proven for o in found)} proven by a fault, "
            f"{sum(o.really_proven for o in found)} of them by a real one"
        )
    else:
        _print_table(("system", *LAYERS, "all", "proven"), by_system(found))
    for ref in unknown:
        print(f"sickbay: a symptom decides {ref}, which is not in the catalogue", file=sys.stderr)
    return code or (1 if unknown else 0)


def _outcome_row(outcome: Outcome) -> tuple[str, ...]:
    faults = (f"{p.fault}{'' if p.how == REAL else ' (not real)'}" for p in outcome.proofs)
    return outcome.signal.ref, ", ".join(outcome.symptoms) or "-", ", ".join(faults) or "-"


def _coverage_data(found: Sequence[Outcome], unknown: Sequence[str]) -> dict[str, Any]:
    return {
        "signals": len(found),
        "decided": sum(outcome.decided for outcome in found),
        "proven": sum(outcome.proven for outcome in found),
        "missing": [
            {"ref": s.ref, "layer": s.layer, "severity": s.severity, "healthy": s.healthy}
            for s in (outcome.signal for outcome in found if not outcome.decided)
        ],
        "unknown": list(unknown),
        "outcomes": [
            {
                "ref": outcome.signal.ref,
                "decided_by": list(outcome.symptoms),
                "proven_by": [{"fault": proof.fault, "how": proof.how} for proof in outcome.proofs],
            }
            for outcome in found
        ],
    }


# ---------------------------------------------------------------------- printing


def _wrapped(text: str, first: str, rest: str | None = None) -> Iterator[str]:
    """Text in lines of a readable width, paragraph by paragraph."""
    rest = first if rest is None else rest
    for paragraph in text.split("\n\n"):
        yield textwrap.fill(
            " ".join(paragraph.split()),
            _WIDTH,
            initial_indent=first,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        )
        first = rest


def _print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as they have to be; on a terminal the last is cut to its width."""
    table = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(header) - 1)]
    limit = os.get_terminal_size().columns if sys.stdout.isatty() else None
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        line = "  ".join([*cells, row[-1]])
        print((line if limit is None else line[:limit]).rstrip())


if __name__ == "__main__":
    raise SystemExit(main())

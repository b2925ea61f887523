"""What is shipped beside the code: the schema, the example, and the command line that tells of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from sickbay import cli, suite
from sickbay.inventory.load import load
from sickbay.inventory.model import SECTIONS, Document
from sickbay.inventory.schema import known_limits, schema, schema_text
from sickbay.redact import names_secret

INVENTORIES = Path(__file__).parents[3] / "inventories"
EXAMPLE = INVENTORIES / "example.yaml"

OWN = '''
"""Health tests of a team's own."""
from sickbay.judge import worst
from sickbay.symptoms import symptom


@symptom("host.own-thing", severity="major", layer="infra", signals=["sergas:no-such/signal"],
         explained_by=["host.unreachable"])
def test_own(filesystems, limits):
    """Our own thing breaks.

    And more about it.
    """
    assert worst(filesystems, "used_fraction") < limits.disk_used


@test_own.cause("a cause of ours", remedy="do this", because="host.memory-short")
def cause(filesystems, limits):
    return [f for f in filesystems if f.used_fraction > limits.disk_used]
'''


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with one health test of a team's own, one broken file, and one that is not ours."""
    (tmp_path / "test_own.py").write_text(OWN)
    (tmp_path / "test_other.py").write_text("raise SystemError('must not be loaded')\n")
    return tmp_path


# ---------------------------------------------------------------------- schema and example


def test_schema_file_is_current() -> None:
    """`sickbay schema > inventories/schema.json` renews it."""
    assert (INVENTORIES / "schema.json").read_text() == schema_text()


def test_schema_describes_every_key_and_limit() -> None:
    """An editor has something to show for each."""
    for name, definition in schema()["$defs"].items():
        for key, part in definition.get("properties", {}).items():
            assert part.get("description") or "$ref" in part, f"{name}.{key}"


def test_schema_no_key_is_taken_for_a_secret() -> None:
    """A snapshot masks what its name calls a secret, and could not be replayed without it."""
    keys = {key for part in schema()["$defs"].values() for key in part.get("properties", {})}
    assert [key for key in keys if names_secret(key)] == []


def test_shipped_inventories_name_the_schema_in_their_first_line() -> None:
    """So that editors complete and check them."""
    for path in INVENTORIES.glob("*.yaml"):
        first = path.read_text().partition("\n")[0]
        assert first == "# yaml-language-server: $schema=schema.json", path.name


def test_local_inventory_is_this_machine() -> None:
    """The shipped file says what holds without it."""
    inventory = load(INVENTORIES / "local.yaml", {})
    assert [(t.name, t.entry.connection) for t in inventory.targets.values()] == [  # type: ignore[attr-defined]
        ("local", "local")
    ]


def test_example_loads_with_its_variables_set(tmp_path: Path) -> None:
    """Every variable that it names without a default, and nothing else."""
    (tmp_path / "archive-dsn").write_text("host=db1 dbname=archive password=canary-1")
    named = re.findall(r"(?<!\$)\$\{([A-Z_]{6,})\}", EXAMPLE.read_text())
    environ = dict.fromkeys(named, "postgresql://app:canary-2@db/x")
    environ["CREDENTIALS_DIRECTORY"] = str(tmp_path)
    inventory = load(EXAMPLE, environ)
    assert {target.kind for target in inventory.targets.values()} == {
        *(kind.__args__[1].kind for kind in map(_annotation, SECTIONS)),
        "inventory",
    }
    assert inventory.warnings == ()


def _annotation(section: str) -> Any:
    return Document.model_fields[section].annotation


def _keys(model: type[BaseModel], seen: set[type] | None = None) -> Iterator[str]:
    """Every key of a model and of the models that its fields hold; limits are listed apart."""
    seen = set() if seen is None else seen
    if model in seen:
        return
    seen.add(model)
    for name, field in model.model_fields.items():
        yield field.alias or name
        if name != "limits":
            for inner in _models(field.annotation):
                yield from _keys(inner, seen)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _models(part)


def test_example_shows_every_key_and_limit() -> None:
    """As a key, or commented out; `sickbay limits --yaml` prints the section of limits."""
    text = EXAMPLE.read_text()
    names = {*_keys(Document), *(limit.name for limit in known_limits())}
    missing = sorted(n for n in names if not re.search(rf"(?m)(^|[\s{{,]){re.escape(n)}:", text))
    assert missing == []


# ---------------------------------------------------------------------- the documented systems

SYSTEMS = ("ai-orchestrator-hub", "claude-projects-api", "claudebox", "neurallog", "sergas")
"""Those of the catalogue, each with an inventory of its own."""


@pytest.mark.parametrize("system", SYSTEMS)
def test_system_of_the_catalogue_has_an_inventory_that_loads(system: str) -> None:
    """With nothing but its variables set, all of which its first lines name."""
    path = INVENTORIES / f"{system}.yaml"
    text = path.read_text()
    heading = text.partition("\n\n")[0]
    variables = set(re.findall(r"\$\{(\w+)", text))
    assert [name for name in sorted(variables) if name not in heading] == []
    values = {
        name: "postgresql://h/x" if "DATABASE" in name
        else "redis://h" if "REDIS" in name
        else "https://h" if "PUBLIC" in name
        else "10.0.0.1" if "BALANCER" in name
        else "/srv" if re.search("BACKUPS|CHECKOUT|ARCHIVE|DATA$", name)
        else "system/tls" if "CERTIFICATE" in name
        else "1" if "GPUS" in name
        else "abcdefgh"
        for name in variables
        if not name.endswith(("FILE", "LOGS"))
    }  # fmt: skip
    inventory = load(path, values)
    assert inventory.targets
    assert inventory.warnings == ()


# ---------------------------------------------------------------------- the command line


def test_cli_symptoms_lists_shipped_and_own(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a table, and as data with all that a consumer needs."""
    assert cli.main(["symptoms", str(own)]) == 0
    table = capsys.readouterr().out
    assert re.search(r"host\.own-thing +major +infra +host +1 +Our own thing breaks\.", table)
    assert cli.main(["symptoms", "--json", str(own)]) == 0
    (symptom,) = json.loads(capsys.readouterr().out)
    assert symptom == {
        "id": "host.own-thing",
        "severity": "major",
        "layer": "infra",
        "kind": "host",
        "title": "Our own thing breaks.",
        "signals": ["sergas:no-such/signal"],
        "causes": [{"id": "cause", "text": "a cause of ours", "remedy": "do this"}],
        "proven_by": [],
    }
    assert cli.main(["symptoms", "--json", "--severity=minor", str(own)]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_cli_symptoms_finds_the_shipped_ones(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a path; the suite's signals are all in the catalogue."""
    assert cli.main(["symptoms", "--json", "--kind=inventory"]) == 0
    assert [s["id"] for s in json.loads(capsys.readouterr().out)] == ["inventory.waiver-expired"]


def test_cli_broken_test_file_is_told_and_the_rest_listed(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, because the list is not whole."""
    (own / "test_bad.py").write_text("import symptom_nonsense\n")
    assert cli.main(["symptoms", str(own)]) == 1
    said = capsys.readouterr()
    assert "host.own-thing" in said.out
    assert "test_bad.py: ModuleNotFoundError" in said.err


def test_cli_explain_tells_facts_limits_causes_and_remedies(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything that is written down about a symptom."""
    assert cli.main(["explain", "host.own-thing", str(own)]) == 0
    said = capsys.readouterr().out
    for part in (
        "host.own-thing  (major, infra, about host targets)",
        "And more about it.",
        "  filesystems: ",
        "disk_used (85 %):",
        "- a cause of ours",
        "remedy: do this",
        "explained by: host.memory-short",
        "host.unreachable",
        "sergas:no-such/signal",
    ):
        assert part in said


def test_cli_explain_unknown_id_tells_the_nearest(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, as for all wrong usage."""
    assert cli.main(["explain", "host.own-thin", str(own)]) == 2
    assert "did you mean host.own-thing?" in capsys.readouterr().err
    assert cli.main(["symptoms", "/no/such/path"]) == 2
    assert "there is no file or folder /no/such/path" in capsys.readouterr().err


def test_cli_proofs_are_shown_where_the_lab_left_them(
    own: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The matrix writes them; both commands tell."""
    proof = suite.Proof(
        fault="own breaks", symptom="host.own-thing", how="real", signals=("a:b/c",)
    )
    monkeypatch.setattr(cli, "proofs", lambda: (proof,))
    cli.main(["symptoms", "--json", str(own)])
    (symptom,) = json.loads(capsys.readouterr().out)
    assert symptom["proven_by"] == [
        {"fault": "own breaks", "cause": None, "signals": ["a:b/c"], "how": "real"}
    ]
    cli.main(["explain", "host.own-thing", str(own)])
    assert "own breaks (real)" in capsys.readouterr().out


def test_cli_catalogue_counts_and_lists_what_is_missing(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A signal that the catalogue does not have is an error of the test that claims it."""
    total = len(suite.catalogue())
    assert cli.main(["catalogue", str(own)]) == 1
    said = capsys.readouterr()
    assert re.search(rf"(?m)^all .* 0/{total}  \d+/{total}$", said.out)
    assert "sergas:no-such/signal, which is not in the catalogue" in said.err
    assert cli.main(["catalogue", "--missing", "--layer=k8s", str(own)]) == 1
    assert "signals are decided by no symptom" in capsys.readouterr().out
    assert cli.main(["catalogue", "--json", str(own)]) == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["decided"], len(data["missing"])) == (0, total)


def test_cli_catalogue_names_symptom_and_fault_of_each_signal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line each: what decides it, what has turned it red, and whether that was the real thing."""
    assert cli.main(["catalogue", "--signals", "--layer=infra"]) == 0
    said = capsys.readouterr().out
    assert re.search(
        r"(?m)^sergas:component-down/app-unit-active +host\.unit-inactive +.*shop-was", said
    )
    assert re.search(r"(?m)^claudebox:high-memory-usage/memory-pressure .* \(not real\)", said)
    assert re.search(r"(?m)^\d+ of 274 signals decided, \d+ proven by a fault", said)


def test_cli_schema_and_limits_print_what_is_shipped(capsys: pytest.CaptureFixture[str]) -> None:
    """The schema as data, the limits as table, data and YAML."""
    assert cli.main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == schema()
    assert cli.main(["limits"]) == 0
    assert "disk_used" in capsys.readouterr().out
    assert cli.main(["limits", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(list(known_limits()))
    assert cli.main(["limits", "--yaml"]) == 0
    text = capsys.readouterr().out
    assert yaml.safe_load(re.sub(r"(?m)^  # (?=\w+:)", "  ", text))["limits"]["disk_used"] == "85 %"


@pytest.mark.parametrize("arguments", [["--help"], ["symptoms", "--help"], ["explain", "--help"]])
def test_cli_help_teaches_with_examples(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """An example says more than a synopsis."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 0
    assert re.search(r"(?m)^  (pytest|sickbay) ", capsys.readouterr().out)

"""The symptom reference for people, written from the health tests themselves."""

from __future__ import annotations

from collections.abc import Iterator

from lab.world import ROOT
from sickbay.inventory.schema import known_limits
from sickbay.suite import limits_used
from sickbay.symptoms import LAYERS, Symptom

PAGE = ROOT / "docs/symptoms.md"
_ABOUT = {
    "infra": "hosts and name resolution",
    "services": "databases, caches and endpoints",
    "aws": "AWS accounts",
    "k8s": "Kubernetes clusters",
}


def reference(symptoms: tuple[Symptom, ...]) -> str:
    """Every symptom with what it means, its limits, and its causes with their remedies."""
    lines = [
        "# The symptoms",
        "",
        "Written by `python -m lab.matrix` from the health tests. `sickbay explain ID` tells more of one:",
        "what it looks at, which signals of the guides it decides, and which faults prove it.",
        "",
    ]
    for layer in LAYERS:
        of_layer = [symptom for symptom in symptoms if symptom.layer == layer]
        lines += [f"## `tests/{layer}`: {_ABOUT[layer]} ({len(of_layer)})", ""]
        for symptom in of_layer:
            lines += [*_entry(symptom), ""]
    return "\n".join(lines)


def _entry(symptom: Symptom) -> Iterator[str]:
    yield f"### {symptom.id} ({symptom.severity})"
    yield ""
    yield " ".join(symptom.doc.split())
    known = {limit.name: limit for limit in known_limits()}
    used = [known[name] for name in limits_used(symptom) if name in known]
    if used:
        yield ""
        yield "Limits: " + "; ".join(f"`{one.name}` {one.default} ({one.meaning})" for one in used)
    if symptom.causes:
        yield ""
    for cause in symptom.causes:
        yield f"- {cause.text}: {' '.join(cause.remedy.split())}"
    if symptom.explained_by:
        yield ""
        yield f"Explained by {', '.join(f'`{name}`' for name in symptom.explained_by)}, where they show."

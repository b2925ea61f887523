"""What became of every documented signal: which symptom decides it, and which fault proves that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sickbay.suite import Proof, Signal, catalogue, proofs
from sickbay.symptoms import LAYERS, Symptom

REAL = "real"


@dataclass(frozen=True)
class Outcome:
    """A signal, the symptoms that decide it, and the faults that were found by it."""

    signal: Signal
    symptoms: tuple[str, ...]
    proofs: tuple[Proof, ...]

    @property
    def decided(self) -> bool:
        return bool(self.symptoms)

    @property
    def proven(self) -> bool:
        """A fault that concerns just this signal has turned a health test red."""
        return bool(self.proofs)

    @property
    def really_proven(self) -> bool:
        """At least one of its faults was the real thing on a real system."""
        return any(proof.how == REAL for proof in self.proofs)


def outcomes(symptoms: Iterable[Symptom], layer: str | None = None) -> tuple[Outcome, ...]:
    """The outcome of each signal of the catalogue (of a layer), in the catalogue's order."""
    deciding: dict[str, list[str]] = {}
    for symptom in symptoms:
        for ref in symptom.signals:
            deciding.setdefault(ref, []).append(symptom.id)
    proving: dict[str, list[Proof]] = {}
    for proof in proofs():
        for ref in proof.signals:
            proving.setdefault(ref, []).append(proof)
    return tuple(
        Outcome(signal, tuple(deciding.get(ref, ())), tuple(proving.get(ref, ())))
        for ref, signal in catalogue().items()
        if layer in {None, signal.layer}
    )


def by_system(found: Sequence[Outcome]) -> Iterator[tuple[str, ...]]:
    """A row for each system and one for all: signals decided in each layer and in all, and proven."""
    systems = sorted({outcome.signal.system for outcome in found})
    groups = [(name, [o for o in found if o.signal.system == name]) for name in systems]
    for system, some in [*groups, ("all", list(found))]:
        yield (
            system,
            *(_decided([o for o in some if o.signal.layer == layer]) for layer in LAYERS),
            _decided(some),
            _share(sum(outcome.proven for outcome in some), len(some)),
        )


def _decided(some: Sequence[Outcome]) -> str:
    return _share(sum(outcome.decided for outcome in some), len(some))


def _share(part: int, whole: int) -> str:
    return f"{part}/{whole}" if whole else "-"

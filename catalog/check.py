#!/usr/bin/env python3
"""Validate the catalogue and print its size. Usage: check.py [--signals] [--json]"""

import json
import pathlib
import sys

import yaml

HERE = pathlib.Path(__file__).parent
ACCESS = set(
    "host http websocket tls dns postgres redis neo4j mongodb prometheus grafana k8s aws file".split()
)
LAYERS = {"infra", "services", "aws", "k8s"}
SEVERITIES = {"critical", "major", "minor"}


def load():
    """Yield (reference, layer, severity, signal) for every signal of every guide."""
    for path in sorted(HERE.glob("*.yaml")):
        guide = yaml.safe_load(path.read_text())
        assert guide["system"] == path.stem, path
        seen = set()
        for symptom in guide["symptoms"]:
            assert symptom["id"] not in seen, (path.stem, symptom["id"])
            seen.add(symptom["id"])
            for key in ("section", "symptom", "layer", "severity", "signals"):
                assert symptom.get(key), (path.stem, symptom["id"], key)
            for name, signal in symptom["signals"].items():
                where = f"{path.stem}:{symptom['id']}/{name}"
                for key in ("healthy", "observe", "access", "fault"):
                    assert signal.get(key), (where, key)
                assert signal["access"] in ACCESS, (where, signal["access"])
                layer = signal.get("layer", symptom["layer"])
                severity = signal.get("severity", symptom["severity"])
                assert layer in LAYERS and severity in SEVERITIES, where
                yield where, layer, severity, signal


def main():
    rows = list(load())
    if "--json" in sys.argv:
        print(
            json.dumps(
                [{**sig, "ref": r, "layer": l, "severity": s} for r, l, s, sig in rows], indent=1
            )
        )
        return
    if "--signals" in sys.argv:
        print("\n".join(r for r, *_ in rows))
        return
    guides = sorted({r.split(":")[0] for r, *_ in rows})
    for guide in guides:
        mine = [x for x in rows if x[0].startswith(guide + ":")]
        print(
            f"{guide:22} symptoms {len({x[0].split('/')[0] for x in mine}):3}  signals {len(mine):4}  "
            + "  ".join(f"{layer} {sum(x[1] == layer for x in mine)}" for layer in sorted(LAYERS))
            + "  | "
            + "  ".join(f"{s} {sum(x[2] == s for x in mine)}" for s in sorted(SEVERITIES))
        )
    print(f"{'all':22} signals {len(rows)}")


if __name__ == "__main__":
    main()

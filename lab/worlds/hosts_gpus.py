"""app1's GPU: a stand-in for nvidia-smi, which prints what the real one prints of a Tesla T4."""

from __future__ import annotations

from pathlib import Path

TOOL = "/usr/local/bin/nvidia-smi"
SETTINGS = "/opt/shop/gpu"
"""Shell variables by which the stand-in is told what to print."""
STAND_IN = f"""#!/bin/sh
driver=535.161.07 cuda=12.2 used=455 total=15360 held=452 fails= also=
. {SETTINGS}
if [ -n "$fails" ]; then echo "$fails"; exit 9; fi
case $1 in
  --query-gpu=*) echo "Tesla T4, $used, $total, $driver" ;;
  --query-compute-apps=*)
    [ -z "$held" ] || echo "$(systemctl show --value -p MainPID shop-app), $held"
    [ -z "$also" ] || echo "$(systemctl show --value -p MainPID nginx), $also" ;;
  *) cat <<END
Tue Mar 12 21:50:44 2024
+---------------------------------------------------------------------------------------+
| NVIDIA-SMI $driver             Driver Version: $driver   CUDA Version: $cuda     |
|-----------------------------------------+----------------------+----------------------+
| GPU  Name                 Persistence-M | Bus-Id        Disp.A | Volatile Uncorr. ECC |
| Fan  Temp   Perf          Pwr:Usage/Cap |         Memory-Usage | GPU-Util  Compute M. |
|                                         |                      |               MIG M. |
|=========================================+======================+======================|
|   0  Tesla T4                       On  | 00000000:00:1E.0 Off |                    0 |
| N/A   41C    P0              27W /  70W |    ${{used}}MiB / ${{total}}MiB |      2%      Default |
|                                         |                      |                  N/A |
+-----------------------------------------+----------------------+----------------------+
END
  ;;
esac
"""


def prepare(root: Path) -> None:
    """The stand-in, and a card that is well."""
    tool = root / TOOL[1:]
    tool.write_text(STAND_IN)
    tool.chmod(0o755)
    (root / SETTINGS[1:]).write_text("")

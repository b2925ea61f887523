"""app1's AWS credentials: medic's keys, and the session of a role with a second factor."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

HOME = "/home/medic"
CACHE = f"{HOME}/.aws/cli/cache/0123456789abcdef0123456789abcdef01234567.json"
FRESH_KEY, STALE_KEY, SESSION_KEY = "AKIAFRESH0000000LAB1", "AKIASTALE0000000LAB2", "ASIASESSION00000LAB3"  # fmt: skip
SECRET = "canary-aws-secret"
_CREDENTIALS = f"[default]\naws_access_key_id = {FRESH_KEY}\naws_secret_access_key = {SECRET}\n"
_CONFIG = """[default]
region = us-east-1
[profile deploy]
role_arn = arn:aws:iam::123456789012:role/deploy
mfa_serial = arn:aws:iam::123456789012:mfa/medic
source_profile = default
"""


def session(ends: dt.datetime | None = None) -> str:
    """What the AWS CLI keeps of a session; one that lasts unless it is said when it ends."""
    when = ends or dt.datetime(2099, 1, 1, tzinfo=dt.UTC)
    return (
        f'{{"Credentials": {{"AccessKeyId": "{SESSION_KEY}", "SecretAccessKey": "{SECRET}", '
        f'"SessionToken": "{SECRET}", "Expiration": "{when.isoformat(timespec="seconds")}"}}, '
        '"AssumedRoleUser": {"AssumedRoleId": "AROALAB:medic"}}'
    )


def prepare(root: Path) -> None:
    """Lay them out; medic's alone, as the CLI does."""
    account = (root / HOME[1:]).stat()
    files = {".aws/credentials": _CREDENTIALS, ".aws/config": _CONFIG, CACHE[len(HOME) + 1 :]: session()}  # fmt: skip
    for name, text in files.items():
        path = root / HOME[1:] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
    for path in (root / HOME[1:] / ".aws", *(root / HOME[1:] / ".aws").rglob("*")):
        os.chown(path, account.st_uid, account.st_gid)

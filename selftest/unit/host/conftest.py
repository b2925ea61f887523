"""Fixtures of the host's tests."""

from __future__ import annotations

from selftest.unit.host.sshd import sshd

__all__ = ["sshd"]

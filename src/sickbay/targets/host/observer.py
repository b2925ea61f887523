"""Observe a host (local only, for now)."""

from __future__ import annotations

import asyncio

from sickbay.targets.probe import Probe


async def observe(probe: Probe) -> None:
    """Have every wanted fact of a host."""
    probe.reached()
    for spec in probe.wanted:
        process = await asyncio.create_subprocess_exec("sh", "-c", spec.request.script, stdout=-1)  # type: ignore
        out, _ = await process.communicate()
        probe.answer(spec, out.decode())

"""A declared GPU: how many cards there have to be, for whom, and what the driver has to support."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from sickbay.inventory.base import Part
from sickbay.inventory.declared.words import Unit
from sickbay.inventory.units import Size


def _version(value: str) -> str:
    major, dot, minor = value.partition(".")
    if not (dot and (major + minor).isascii() and major.isdecimal() and minor.isdecimal()):
        raise ValueError(f'expected a version of CUDA such as "11.8", in quotes, not {value!r}')
    return value


class DeclaredGpu(Part):
    """What the NVIDIA cards of a host, their driver, and who uses them have to be like."""

    count: int = Field(1, description="cards that have to be visible, at least; 0: none", ge=0)
    cuda: Annotated[str, AfterValidator(_version)] | None = Field(
        None, description="version of CUDA that the driver has to support", examples=["11.8"]
    )
    used_by: Unit | None = Field(
        None, description="systemd unit that has to have a process on a card"
    )
    memory: Size | None = Field(
        None, description="memory of the cards that the unit's processes may hold", gt=0
    )

    @model_validator(mode="after")
    def _memory_of_somebody(self) -> Self:
        if self.memory is not None and self.used_by is None:
            raise ValueError("memory needs used_by: it is the memory that this unit may hold")
        return self

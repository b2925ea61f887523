"""Declared AWS credentials: which account of a host has to have those of which profile."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sickbay.inventory.base import Part
from sickbay.inventory.declared.words import Account, Path


class DeclaredAwsCredentials(Part):
    """The credentials that an account deploys with, as the AWS CLI and SDKs find them."""

    account: Account = Field(description="account of the host that deploys", examples=["deploy"])
    profile: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@][A-Za-z0-9_.@ -]{0,63}$")] = Field(
        "default", description="profile that it uses"
    )
    environment: tuple[Path, ...] = Field(
        (),
        description="files that set variables for it, beside /etc/environment and the account's own "
        "(.profile, .bash_profile, .bash_login, .bashrc, .pam_environment)",
        examples=[["/etc/default/deploy"]],
    )

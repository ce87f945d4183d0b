"""Checks of certificates: authority, key, name and remaining days; and TLS to services."""

import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from quintet_access.certificates import PROCESSES
from quintet_access.identity import (
    AUTHORITY,
    CERTIFICATE,
    KEY,
    Identity,
    IdentityFolder,
    IdentityInvalid,
    days_left,
    is_signed_by,
)

from quintet_command.doctor.findings import Finding, look, well, wrong
from quintet_command.settings import CommandSettings

# Two weeks to renew: services take new certificates up without a restart.
_SOON_DAYS: Final = 14.0
_NAME: Final = "certificates"


def certificates(settings: CommandSettings) -> list[Finding]:
    """Check all configured certificates: one finding, a bad one if any; none without TLS."""
    found = list(_judged(settings))
    if not found:
        return []
    return [next((each for each in found if each.remedy), found[0])]


def between_services() -> ssl.SSLContext | None:
    """Build the TLS context for asking services, as the gateway does; None if TLS is off.

    Raises:
        IdentityInvalid: There is no usable certificate.
        OSError: A file of it cannot be read.
    """
    folder = _folder()
    if folder is None:
        return None
    identities = IdentityFolder(folder, "gateway")
    # For its checks: it raises one clear error for each way a certificate can be unusable.
    identities.current()
    context = ssl.create_default_context(cafile=identities.folder / AUTHORITY)
    context.load_cert_chain(identities.folder / CERTIFICATE, identities.folder / KEY)
    return context


def _folder() -> Path | None:
    # From the environment: these are settings of services, for which the command has no fields.
    if os.environ.get("QUINTET_TLS", "").lower() not in ("on", "mutual"):
        return None
    return Path(os.environ.get("QUINTET_TLS_FOLDER", ""))


def _judged(settings: CommandSettings) -> Iterator[Finding]:
    folder = _folder()
    if folder is not None:
        for name in PROCESSES:
            yield _judge(folder, name, f"`quintet certificates renew {folder}`")
    if settings.gateway_https_folder:
        https = Path(settings.gateway_https_folder)
        remedy = f"renew it, such as by `quintet certificates renew {https}`"
        found = _judge(https, "gateway", remedy, with_authority=False)
        yield found if found.remedy else _believed(https, settings.gateway_ca) or found


def _judge(folder: Path, name: str, remedy: str, *, with_authority: bool = True) -> Finding:
    identities = IdentityFolder(folder, name, with_authority)
    try:
        identity = identities.current()
    except IdentityInvalid as fault:
        return wrong(_NAME, str(fault), remedy)
    if with_authority and not is_signed_by(identity.chain, identity.authorities):
        said = f"{identities.folder / AUTHORITY} did not sign {identities.folder / CERTIFICATE}"
        return wrong(_NAME, said, remedy)
    return _lasting(identities.folder, identity, remedy)


def _lasting(folder: Path, identity: Identity, remedy: str) -> Finding:
    days = days_left(identity)
    path = folder / CERTIFICATE
    if days <= 0:
        return wrong(_NAME, f"{path} ended {-days:,.0f} days ago", remedy)
    if days < _SOON_DAYS:
        return look(_NAME, f"{path} ends in {days:,.0f} days", remedy)
    return well(_NAME, f"they fit their authority and last {days:,.0f} days")


def _believed(folder: Path, authority: str) -> Finding | None:
    """Check that QUINTET_GATEWAY_CA signed the gateway's certificate; None if it did."""
    identity = IdentityFolder(folder, "gateway", with_authority=False).current()
    if not authority or is_signed_by(identity.chain, Path(authority).read_bytes()):
        return None
    said = f"{authority} did not sign the gateway's certificate in {folder}"
    return wrong(_NAME, said, "set QUINTET_GATEWAY_CA to the authority that did")

"""Where an engine may be: inside the walls, private networks and this machine included, and never at a cloud's metadata."""

import ipaddress
import socket
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import InvalidInput
from controlplane.serving.models import LONGEST_URL
from inference.endpoints import checked_url

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Those of metadata services that lie outside of the link-local networks: Alibaba Cloud's, and AWS's for IPv6.
_METADATA = frozenset(map(ipaddress.ip_address, ("100.100.100.200", "fd00:ec2::254")))
_METADATA_NAMES = frozenset(
    {"metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal"}
)


def engine_url(*, given: str) -> str:
    """As it is stored: without the last slash, `/v1` added to a bare host.

    Raises InvalidInput for what is no http or https URL, holds credentials, or leads to where no engine can be. What a name
    resolves to is not looked at: it may be another address by the time an engine is asked.
    """
    if len(given) > LONGEST_URL or any(letter <= " " for letter in given):
        raise _refused(_("This is not a URL."))
    try:
        url = checked_url(given, "base_url")
    except ValueError:
        raise _refused(
            _("This is no http or https URL, or it holds credentials, a query or a fragment.")
        ) from None
    host = (urlsplit(url).hostname or "").rstrip(".")
    address = _address(host)
    if host in _METADATA_NAMES or (address is not None and _is_no_engines(address)):
        raise _refused(_("No engine can be at this address."))
    return url


def _refused(detail: object) -> InvalidInput:
    return InvalidInput(
        code="invalid_engine_url",
        field="base_url",
        detail=str(detail),
        remedy=_("Give the engine’s address, as http://vllm:8000/v1; its key belongs in “api_key”."),
    )


def _address(host: str) -> _Address | None:
    """Of an address in any spelling that the system's resolver takes (`2852039166`, `0xa9.254.43518`); None of a name."""
    try:
        found: _Address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            found = ipaddress.IPv4Address(socket.inet_aton(host))
        except (OSError, UnicodeError):
            return None
    return getattr(found, "ipv4_mapped", None) or found


def _is_no_engines(address: _Address) -> bool:
    unfit = address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved
    return unfit or address in _METADATA

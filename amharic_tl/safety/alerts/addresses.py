"""Where a message may go: which kinds of webhook, and no machine of a private network unless the user says so."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

from amharic_tl.errors import ConfigError, MissingInputError

# Apprise's names. The first go to a service over TLS; the second to any host.
SERVICES = ("slack", "discord", "msteams")
HOSTS = ("jsons", "ntfys", "mailtos")
WITHOUT_TLS = ("json", "ntfy")


def read_address(where: str) -> str:
    """The address that ``env:NAME`` or ``file:PATH`` holds. It is a secret: no message repeats it.

    Raises:
      MissingInputError: nothing is there.
    """
    kind, _, name = where.partition(":")
    if kind == "env":
        found = os.environ.get(name, "")
        what = f"the environment variable {name}"
    else:
        path, what = Path(name), f"the file {name}"
        try:
            found = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            found = ""
    if not found.strip():
        raise MissingInputError(f"config.safety.channels.webhook: expected an address in {what}, found nothing")
    return found.strip()


def check_address(address: str, allow_private: bool) -> None:
    """Refuses an address that no message may go to; a host that has no address yet is no reason to.

    Raises:
      ConfigError: a kind that is not allowed, no TLS, or a machine of a private network.
    """
    leaf = "config.safety.channels.webhook"
    kind, host = urlsplit(address).scheme.lower(), ""
    allowed = SERVICES + HOSTS + (WITHOUT_TLS if allow_private else ())
    if kind not in allowed:
        found = f"one of kind {kind!r}" if kind in WITHOUT_TLS else "another kind"
        raise ConfigError(
            f"{leaf}: expected an address that begins with {', '.join(f'{each}://' for each in allowed)}, found {found}"
            + ("; it has no TLS: set config.safety.channels.allow_private=true" if kind in WITHOUT_TLS else "")
        )
    if kind in SERVICES or allow_private:
        return
    try:
        host = urlsplit(address).hostname or ""
        found_at = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except (OSError, ValueError):
        return
    if any(is_private(each) for each in found_at):
        raise ConfigError(
            f"{leaf}: the address leads into a private network or to this machine; set "
            "config.safety.channels.allow_private=true if that is meant"
        )


def is_private(address: str) -> bool:
    """Whether an IP address is anything but a public one: private, loopback, link-local, reserved, multicast."""
    found = ipaddress.ip_address(address.partition("%")[0])
    inside = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    return not found.is_global or found.is_multicast or (inside is not None and is_private(str(inside)))

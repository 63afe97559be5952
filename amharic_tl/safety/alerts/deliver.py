"""A process of its own that hands one message to Apprise: what it does to the network stack, training never sees.

Reads ``{"address", "title", "body", "allow_private", "timeout"}`` as JSON from its standard input. Every connection
is checked where it is opened, so that a name which leads elsewhere the second time helps nobody; redirects are not
followed; no proxy is used. Nothing is printed, since errors of HTTP clients tend to hold the address. Exits with 0
where the message was taken.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from typing import Any

from amharic_tl.safety.alerts.addresses import is_private


def main() -> int:
    """0 where the message was taken, 1 otherwise."""
    told = json.load(sys.stdin)
    sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    logging.disable(logging.CRITICAL)
    _guard(told["allow_private"], told["timeout"])
    import apprise

    sender = apprise.Apprise()
    if not sender.add(told["address"]):
        return 1
    return 0 if sender.notify(title=told["title"], body=told["body"]) else 1


def _guard(allow_private: bool, timeout: float) -> None:
    """Checks addresses as they are resolved, and turns proxies and redirects off."""
    for name in [each for each in os.environ if each.lower().endswith("_proxy")]:
        del os.environ[name]
    socket.setdefaulttimeout(timeout)
    resolve = socket.getaddrinfo

    def checked(*arguments: Any, **options: Any) -> Any:
        found = resolve(*arguments, **options)
        if not allow_private and any(is_private(str(entry[4][0])) for entry in found):
            raise OSError("an address of a private network")
        return found

    socket.getaddrinfo = checked
    import requests

    requests.Session.get_redirect_target = lambda self, response: None  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    sys.exit(main())

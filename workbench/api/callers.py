"""Who may call the endpoint: programs of this machine, and no web page. Pure.

Listening on loopback alone does not keep web pages out: a browser of this machine sends their
requests here, and a name that resolves to 127.0.0.1 (DNS rebinding) makes them same-origin.
What a page cannot do is leave out `Origin` and `Sec-Fetch-Site`, or choose its `Host`.

Source: Fetch Standard, "Origin header" (sent with every cross-origin request and every POST);
Fetch Metadata Request Headers, section 2.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from workbench.errors import AccessDenied

_LOOPBACK_HOST = re.compile(
    r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE
)


def check_caller(headers: Mapping[str, str]) -> None:
    """Raises `AccessDenied` for what only a browser would send.

    `headers` have names in lower case. A client without a Host header is none: HTTP/1.0.
    """
    if "origin" in headers or headers.get("sec-fetch-site", "none") != "none":
        raise AccessDenied("Web pages may not call this endpoint.")
    host = headers.get("host")
    if host is not None and not _is_loopback(host):
        raise AccessDenied(
            "This endpoint answers to localhost and 127.0.0.1 only, whatever else leads here."
        )


@lru_cache(maxsize=64)  # a client says the same with each request
def _is_loopback(host: str) -> bool:
    return _LOOPBACK_HOST.fullmatch(host) is not None

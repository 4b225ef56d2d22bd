"""Projects for the screen to be looked at with."""

from __future__ import annotations

import json
from pathlib import Path

CREATED = {
    "version": "1.0",
    "detail-type": "OrderCreated",
    "detail": {
        "orderId": "8812",
        "customer": {"id": 42, "tier": "gold"},
        "lines": [
            {"sku": "A-1", "qty": 3, "price": 9.5},
            {"sku": "B-7", "qty": 1, "price": 120},
        ],
        "total": 148.5,
    },
}
_INLINE = json.dumps(CREATED, indent=2).replace(
    '{\n      "id": 42,\n      "tier": "gold"\n    }', '{ "id": 42, "tier": "gold" }'
)


def function(
    root: Path, name: str, *, runtime: str = "python3.13", events: dict[str, str] | None = None
) -> Path:
    """One function with its handler and its events."""
    folder = root / name
    (folder / "events").mkdir(parents=True)
    node = runtime.startswith("nodejs")
    handler = "index.handler" if node else "app.handler"
    (folder / "function.toml").write_text(
        f'runtime = "{runtime}"\nhandler = "{handler}"\ntimeout_s = 3\n'
    )
    if node:
        (folder / "index.mjs").write_text("export const handler = async (event) => event;\n")
    else:
        (folder / "app.py").write_text("def handler(event, context):\n    return event\n")
    for event, text in (events or {}).items():
        (folder / "events" / f"{event}.json").write_text(text)
    return folder


def shop(parent: Path) -> Path:
    """A shop: seven sound functions and a broken one."""
    root = parent / "shop"
    root.mkdir()
    function(
        root,
        "orders",
        events={"created": _INLINE, "refund": '{"orderId": "8790"}', "bad-sku": '{"sku": null}'},
    )
    function(root, "billing", events={"invoice": '{"invoice": 7}'})
    function(root, "thumbnails", runtime="nodejs22.x", events={"put": '{"bucket": "pictures"}'})
    function(root, "email-welcome", runtime="nodejs22.x")
    function(root, "search-index", events={"reindex": "{}"})
    function(root, "geo-lookup", events={"berlin": '{"city": "Berlin"}'})
    function(root, "audit-sink")
    broken = function(root, "legacy-import")
    (broken / "function.toml").write_text(
        'runtime = "python3.13"\nhandler = "app.handler"\nmemory_mb = 64\n'
    )
    return root


def empty(parent: Path) -> Path:
    """A folder without functions."""
    root = parent / "shop"
    root.mkdir()
    return root

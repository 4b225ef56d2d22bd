"""Adds up an invoice. `money` is a module of the layer that function.toml names."""

import os

from money import share, written

VAT_PERCENT = os.environ["VAT_PERCENT"]


def handler(event, context):
    net = sum(share(line["price"], 100) * line.get("count", 1) for line in event["lines"])
    vat = share(net, VAT_PERCENT)
    currency = event.get("currency", "EUR")
    return {
        "net": written(net, currency),
        "vat": written(vat, currency),
        "total": written(net + vat, currency),
    }

"""Takes orders from an event bus.

A failure that nobody can mend by trying again still has to be raised: Lambda reports its class name
as the error type, which alarms, retries and the expectations beside the events can tell apart.
"""

import logging
import os
from decimal import Decimal

from catalog import UnknownSku, price_of

logger = logging.getLogger()
logger.setLevel(os.environ["LOG_LEVEL"])

DISCOUNT = Decimal(os.environ["GOLD_DISCOUNT_PERCENT"]) / 100


class PriceChanged(Exception):
    """The customer was shown another total than we would charge."""


def handler(event, context):
    order = event["detail"]
    logger.debug("order %s has %d lines", order["orderId"], len(order["lines"]))

    total = total_of(order)
    shown = Decimal(str(order["total"]))
    if total != shown:
        raise PriceChanged(f"order {order['orderId']} was shown {shown}, and costs {total}")

    charge(order["customer"]["id"], total)
    logger.info("order %s accepted", order["orderId"])
    return {
        "orderId": order["orderId"],
        "status": "accepted",
        "charged": float(total),
        "reserved": [{"sku": line["sku"], "qty": line["qty"]} for line in order["lines"]],
    }


def total_of(order):
    """What the order costs, to the cent."""
    total = sum(price_of(line["sku"]) * line["qty"] for line in order["lines"])
    if order["customer"].get("tier") == "gold":
        total -= total * DISCOUNT
    return total.quantize(Decimal("0.01"))


def charge(customer, amount):
    """Where a payment service would be asked. Its token comes from dev.env."""
    if not os.environ["PAYMENT_TOKEN"]:
        raise RuntimeError("there is no PAYMENT_TOKEN")
    logger.info("charging customer %s %s", customer, amount)

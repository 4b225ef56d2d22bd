"""What we sell. A module of its own, so that a change of it reloads the function too."""

from decimal import Decimal

PRICES = {
    "A-1": Decimal("9.50"),
    "B-7": Decimal("120.00"),
    "C-3": Decimal("0.99"),
}


class UnknownSku(Exception):
    """Somebody ordered what we never had."""


def price_of(sku):
    try:
        return PRICES[sku]
    except KeyError:
        raise UnknownSku(f"there is no article {sku}") from None

"""Amounts of money, shared by functions as a layer: Python finds it in /opt/python."""

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")


def share(amount, percent):
    """So many percent of an amount, to the cent."""
    return (Decimal(str(amount)) * Decimal(str(percent)) / 100).quantize(CENT, ROUND_HALF_UP)


def written(amount, currency):
    return f"{amount:,.2f} {currency}"

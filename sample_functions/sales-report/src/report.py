"""A function with a dependency, and with its code in a folder of its own."""

from collections import Counter

from tabulate import tabulate


def make(event, context):
    sales = Counter()
    for sale in event["sales"]:
        sales[sale["region"]] += sale["amount"]

    print(f"{len(event['sales'])} sales in {len(sales)} regions")
    return {
        "title": f"Sales of {event['month']}",
        "best": sales.most_common(1)[0][0] if sales else None,
        "markdown": tabulate(
            [*sorted(sales.items()), ("all", sales.total())],
            headers=["region", "sold"],
            tablefmt="github",
        ),
    }

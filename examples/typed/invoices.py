"""Functions with types: Ork turns JSON into what the annotations say, and results back into JSON."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Optional


@dataclass
class Line:
    article: str
    quantity: int
    price: float


@dataclass
class Invoice:
    number: int
    issued: date
    customer: str
    lines: list[Line] = field(default_factory=list)
    note: Optional[str] = None

    def net(self) -> float:
        return sum(line.quantity * line.price for line in self.lines)


@dataclass
class Totals:
    net: float
    tax: float
    gross: float
    by_customer: dict[str, float]


def read(day: date) -> list[Invoice]:
    """The invoices of the three days up to `day`; a real task would ask a database."""
    return [
        Invoice(1, day - timedelta(days=2), "Atelier Sol", [Line("canvas", 4, 12.5), Line("oil paint", 10, 6.9)]),
        Invoice(2, day - timedelta(days=1), "Museu do Rio", [Line("frame", 2, 48.0)], note="deliver to the back door"),
        Invoice(3, day, "Atelier Sol", [Line("brush", 12, 3.25)]),
    ]


def total(invoices: list[Invoice], tax_rate: float) -> Totals:
    """`invoices` are objects again, with real dates."""
    by_customer: dict[str, float] = {}
    for invoice in invoices:
        by_customer[invoice.customer] = round(by_customer.get(invoice.customer, 0) + invoice.net(), 2)
    net = round(sum(by_customer.values()), 2)
    tax = round(net * tax_rate, 2)
    return Totals(net, tax, round(net + tax, 2), by_customer)


def letter(gross: float, currency: str, customers: int, day: date) -> str:
    text = f"{day:%d %B %Y}: {customers} customers owe {gross:.2f} {currency}."
    print(text)
    return text

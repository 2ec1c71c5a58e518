"""The tasks of the quickstart: plain functions, nothing but the standard library.

Arguments come from the `input` of each task in workflow.yaml, results go to the tasks after it.
"""

import csv
import json
import sqlite3
from datetime import date
from pathlib import Path


def find_files():
    """The files of orders, as paths relative to the workflow's folder, where every task starts."""
    files = sorted(str(path) for path in Path("data").glob("orders-*"))
    print(f"{len(files)} files")
    return files


def extract(path):
    """One file as rows with the same names, whatever its format; values are still as they were found."""
    if path.endswith(".csv"):
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    else:
        with open(path, encoding="utf-8") as file:
            rows = [from_web(order) for order in json.load(file)]
    print(f"{path}: {len(rows)} rows")
    return {"path": path, "rows": rows}


def from_web(order):
    """An order of the web shop under the names of the CSV files."""
    cents = order.get("cents")
    return {
        "order_id": order["id"],
        "customer": order.get("buyer", {}).get("id", ""),
        "day": order["at"][:10],
        "product": order["item"],
        "quantity": order["quantity"],
        "price": "" if cents is None else f"{cents / 100:.2f}",
    }


def clean(source):
    """Good rows with proper types, and for each bad one the reason."""
    known = {customer["id"] for customer in customers()}
    seen, good, bad = set(), [], []
    for number, row in enumerate(source["rows"], start=1):
        try:
            order = parse(row, known)
            if order["order_id"] in seen:
                raise ValueError("it is there twice")
        except ValueError as problem:
            bad.append({"path": source["path"], "row": number, "reason": str(problem)})
        else:
            seen.add(order["order_id"])
            good.append(order)
    print(f"{source['path']}: {len(good)} good, {len(bad)} rejected")
    return {"path": source["path"], "good": good, "bad": bad}


def parse(row, known):
    """A row with types; ValueError says what is wrong with it."""
    try:
        day = date.fromisoformat(row["day"])
    except ValueError:
        raise ValueError(f"its day is {row['day']!r}") from None
    if row["customer"] not in known:
        raise ValueError(f"its customer is {row['customer']!r}")
    try:
        quantity, cents = int(row["quantity"]), round(float(row["price"]) * 100)
    except ValueError:
        raise ValueError("its quantity or price is no number") from None
    if quantity <= 0 or cents <= 0:
        raise ValueError("its quantity or price is not above zero")
    return {
        "order_id": row["order_id"],
        "customer": row["customer"],
        "day": day.isoformat(),
        "product": row["product"].strip().lower(),
        "quantity": quantity,
        "cents": cents,
    }


def check(sources, max_rejected):
    """Stops the pipeline when too much was rejected: then something is wrong with the files, not with a row."""
    good = sum(len(source["good"]) for source in sources)
    bad = [row for source in sources for row in source["bad"]]
    for row in bad:
        print(f"{row['path']}, row {row['row']}: {row['reason']}")
    share = len(bad) / max(1, good + len(bad))
    if share > max_rejected:
        raise ValueError(f"{share:.1%} of the rows are bad, more than the {max_rejected:.1%} allowed")
    return {"good": good, "rejected": len(bad), "share": round(share, 4)}


def load(sources, database):
    """Everything in one transaction; running it again gives the same database."""
    Path(database).parent.mkdir(parents=True, exist_ok=True)
    orders = [order for source in sources for order in source["good"]]
    with sqlite3.connect(database) as db:
        db.executescript(
            """
            DROP TABLE IF EXISTS orders;
            DROP TABLE IF EXISTS customers;
            CREATE TABLE customers (id TEXT PRIMARY KEY, name TEXT, city TEXT);
            CREATE TABLE orders (
                order_id TEXT PRIMARY KEY, customer TEXT REFERENCES customers, day TEXT,
                product TEXT, quantity INTEGER, cents INTEGER
            );
            """
        )
        db.executemany("INSERT INTO customers VALUES (:id, :name, :city)", customers())
        db.executemany("INSERT INTO orders VALUES (:order_id, :customer, :day, :product, :quantity, :cents)", orders)
    db.close()
    print(f"{len(orders)} orders in {database}")
    return {"orders": len(orders)}


def report(database, rejected):
    """What the shop sold, as a text for people and as data for whatever comes next."""
    db = sqlite3.connect(database)
    products = db.execute(
        "SELECT product, SUM(quantity), SUM(quantity * cents) AS total FROM orders GROUP BY product ORDER BY total DESC"
    ).fetchall()
    cities = db.execute(
        "SELECT city, COUNT(*), SUM(quantity * cents) AS total FROM orders JOIN customers ON customers.id = customer "
        "GROUP BY city ORDER BY total DESC"
    ).fetchall()
    days = db.execute("SELECT day, SUM(quantity * cents) FROM orders GROUP BY day ORDER BY day").fetchall()
    db.close()

    total = sum(cents for _, _, cents in products)
    lines = ["The shop in June", "", f"{'product':<20}{'sold':>6}{'euro':>12}"]
    lines += [f"{name:<20}{sold:>6}{cents / 100:>12,.2f}" for name, sold, cents in products]
    lines += [f"{'':<20}{'':>6}{total / 100:>12,.2f}", "", f"{'city':<20}{'orders':>6}{'euro':>12}"]
    lines += [f"{name:<20}{count:>6}{cents / 100:>12,.2f}" for name, count, cents in cities]
    most = max(cents for _, cents in days)
    lines += ["", "euro a day"]
    lines += [f"{day[5:]}  {'█' * round(30 * cents / most):<31}{cents / 100:>10,.2f}" for day, cents in days]
    lines += ["", f"{rejected} bad rows were left out; `ork run logs` says why."]
    text = "\n".join(lines) + "\n"
    Path(database).with_name("report.txt").write_text(text, encoding="utf-8")
    print(text)
    return {
        "total_cents": total,
        "best_product": products[0][0],
        "best_city": cities[0][0],
        "days": len(days),
    }


def customers():
    """The shop's customers."""
    return json.loads(Path("data/customers.json").read_text(encoding="utf-8"))

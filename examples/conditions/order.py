"""The steps of an order. The file `build/lock` stands for anything that must not be left behind."""

from pathlib import Path

LOCK = Path("build/lock")


def lock():
    LOCK.parent.mkdir(exist_ok=True)
    LOCK.write_text("locked\n")


def pack(by):
    return {"by": by}


def customs():
    return "declared"


def charge(payment, parcel):
    if payment == "declined":
        raise RuntimeError("the bank declined the payment")
    return {"parcel": parcel}


def ship(parcel):
    print(f"sent by {parcel['by']}")
    return parcel


def apologise():
    print("Sorry, your payment did not go through.")


def unlock(shipped):
    """`shipped` is null when shipping failed or never happened."""
    LOCK.unlink()
    return {"shipped": shipped is not None}

"""Readings of many sensors, a few of which are broken."""


def measure(count):
    """As many readings as asked for; every 600th sensor answers with text."""
    return ["broken" if at % 600 == 599 else (at * 37) % 101 for at in range(count)]


def judge(reading):
    if not isinstance(reading, int):
        raise TypeError(f"a sensor says {reading!r}")
    return reading >= 50


def judge_batch(readings, first):
    """A batch gets a list of items and returns what it likes."""
    good = [reading for reading in readings if isinstance(reading, int)]
    return {"batch": first, "size": len(readings), "high": sum(reading >= 50 for reading in good)}


def compare(single, batches):
    """Outputs come in the order of the items; an instance that failed has none (null)."""
    result = {
        "instances": len(single),
        "failed": single.count(None),
        "high": single.count(True),
        "batches": len(batches),
        "high_in_batches": sum(batch["high"] for batch in batches),
    }
    print(result)
    if result["high"] != result["high_in_batches"]:
        raise ValueError("both ways must find the same")
    return result

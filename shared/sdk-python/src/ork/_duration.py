"""Spans of time as workflow files spell them."""

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def parse(text: str) -> "int | None":
    """Milliseconds of `90s`, `5m`, `1h30m`, `1.5h`, `500ms`, or digits alone for seconds; None when it is no span.

    Units come once each, the largest first.
    """
    text = text.strip()
    if _is_digits(text):
        return int(text) * 1000
    total, last, at = 0, 0, 0
    while at < len(text):
        start = at
        while at < len(text) and (_is_digits(text[at]) or text[at] == "."):
            at += 1
        amount = text[start:at]
        start = at
        while at < len(text) and text[at].isascii() and text[at].isalpha():
            at += 1
        factor = _UNITS.get(text[start:at])
        if factor is None or (last and factor >= last):
            return None
        last = factor
        worth = _worth(amount, factor)
        if worth is None:
            return None
        total += worth
        while at < len(text) and text[at].isspace():
            at += 1
    return total if last else None


def show(millis: int) -> str:
    """As people say it: `850ms`, `2.5s`, `5m`, `1h 30m`."""
    if millis < 1000:
        return f"{millis}ms"
    if millis < 60_000:
        tenths = millis // 100
        return f"{tenths // 10}s" if tenths % 10 == 0 else f"{tenths // 10}.{tenths % 10}s"
    if millis < 3_600_000:
        minutes, seconds = millis // 60_000, millis // 1000 % 60
        return f"{minutes}m" if seconds == 0 else f"{minutes}m {seconds}s"
    hours, minutes = millis // 3_600_000, millis // 60_000 % 60
    return f"{hours}h" if minutes == 0 else f"{hours}h {minutes}m"


def _worth(amount: str, factor: int) -> "int | None":
    """So many units in milliseconds, when that is a whole number."""
    whole, dot, fraction = amount.partition(".")
    if not _is_digits(whole) or (dot and not _is_digits(fraction)):
        return None
    scale: int = 10 ** len(fraction)
    thousandths = int(fraction or "0") * factor
    return None if thousandths % scale else int(whole) * factor + thousandths // scale


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()

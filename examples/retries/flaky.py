"""Tasks that fail in ways that can be told apart."""

from ork import Context, PermanentError, TransientError


def fetch(ctx: Context):
    """Works at the third attempt, as a service does that is being restarted."""
    if ctx.attempt < 3:
        raise TransientError(f"the service answered 503 to attempt {ctx.attempt}")
    print(f"attempt {ctx.attempt} got an answer")
    return {"rows": 128}


def geocode(address):
    """An address without a number will not get one by asking again."""
    if not any(character.isdigit() for character in address):
        raise PermanentError(f"{address!r} has no house number")
    return {"address": address, "latitude": 38.71, "longitude": -9.14}

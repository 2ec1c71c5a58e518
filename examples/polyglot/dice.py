"""The Python part: throws the dice, and puts the page together."""

from pathlib import Path


def roll(count, seed):
    """Throws two dice. A generator of our own gives the same throws on every version of Python."""
    rolls, state = [], seed
    for _ in range(count):
        throw = 0
        for _ in range(2):
            state = (state * 1103515245 + 12345) % 2**31
            throw += (state >> 16) % 6 + 1
        rolls.append(throw)
    return rolls


def page(chart, statistics):
    lines = chart["lines"] + ["", f"mean {statistics['mean']:.2f}, deviation {statistics['deviation']:.2f}"]
    text = "\n".join(lines) + "\n"
    Path("build/page.txt").write_text(text, encoding="utf-8")
    print(text)
    return {"lines": len(lines)}

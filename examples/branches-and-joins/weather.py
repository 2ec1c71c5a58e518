"""A fortnight of weather, looked at in three ways."""

DAYS = [
    ("2026-05-01", 14.2, 0.0), ("2026-05-02", 15.1, 0.0), ("2026-05-03", 13.8, 4.2), ("2026-05-04", 12.9, 11.0),
    ("2026-05-05", 13.5, 2.1), ("2026-05-06", 15.0, 0.0), ("2026-05-07", 16.4, 0.0), ("2026-05-08", 18.2, 0.0),
    ("2026-05-09", 19.9, 0.3), ("2026-05-10", 17.5, 6.8), ("2026-05-11", 17.1, 1.2), ("2026-05-12", 19.0, 0.0),
    ("2026-05-13", 21.4, 0.0), ("2026-05-14", 22.3, 0.0),
]  # fmt: skip


def read():
    return [{"day": day, "celsius": celsius, "rain_mm": rain} for day, celsius, rain in DAYS]


def warmest(days):
    return max(days, key=lambda day: day["celsius"])


def rain(days):
    wet = [day for day in days if day["rain_mm"] > 0]
    return {"wet_days": len(wet), "total_mm": round(sum(day["rain_mm"] for day in wet), 1)}


def smooth(days, width):
    values = [day["celsius"] for day in days]
    windows = [values[at : at + width] for at in range(len(values) - width + 1)]
    return [round(sum(window) / width, 2) for window in windows]


def trend(means):
    return "warmer" if means[-1] > means[0] else "colder"


def summary(warmest, rain, trend, headline):
    print(headline)
    print(f"{rain['wet_days']} wet days brought {rain['total_mm']} mm of rain.")
    return {"headline": headline, "trend": trend, "best": warmest["celsius"], **rain}

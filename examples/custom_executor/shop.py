"""Where the rows come from: an ordinary task."""


def orders():
    sold = [("PT", 120), ("PT", 35), ("BR", 80), ("BR", 95), ("BR", 4), ("SN", 60)]
    return [{"country": country, "amount": amount} for country, amount in sold]

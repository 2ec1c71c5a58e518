SELECT country, amount FROM totals ORDER BY amount DESC LIMIT 1

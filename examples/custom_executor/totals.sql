-- `orders` is what the task of that name gave, `:least` an input of this one.
SELECT country, COUNT(*) AS orders, SUM(amount) AS amount
FROM orders
WHERE amount >= :least
GROUP BY country
ORDER BY amount DESC, country

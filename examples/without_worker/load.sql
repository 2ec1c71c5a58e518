-- ork: {"seconds": 1, "bytes": 52428800}
SELECT country, COUNT(*) AS orders FROM shop.orders WHERE file = @file GROUP BY country

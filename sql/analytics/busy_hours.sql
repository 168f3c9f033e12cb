-- At which hour of the day (UTC) orders are placed.
SELECT
    extract(HOUR FROM order_timestamp) AS hour_of_day,
    count(*) AS orders,
    CAST(sum(total_amount) AS decimal(18, 2)) AS revenue
FROM orders
GROUP BY extract(HOUR FROM order_timestamp)
ORDER BY hour_of_day

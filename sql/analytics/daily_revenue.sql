-- Revenue, orders and the average order, by business day.
SELECT
    date,
    count(*) AS orders,
    count(DISTINCT user_id) AS customers,
    CAST(sum(total_amount) AS decimal(18, 2)) AS revenue,
    CAST(avg(total_amount) AS decimal(18, 2)) AS average_order
FROM orders
GROUP BY date
ORDER BY date

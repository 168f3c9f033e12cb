-- Revenue, orders and the average order, by business day.
SELECT
    date,
    count(*) AS orders,
    count(DISTINCT user_id) AS customers,
    round(sum(total_amount), 2) AS revenue,
    round(avg(total_amount), 2) AS average_order
FROM orders
GROUP BY date
ORDER BY date

-- How many items an order has, and what an order of that size is worth.
SELECT
    b.items,
    count(*) AS orders,
    CAST(avg(o.total_amount) AS decimal(18, 2)) AS average_order
FROM (
    SELECT order_id, count(*) AS items
    FROM order_items
    GROUP BY order_id
) b
JOIN orders o ON o.order_id = b.order_id
GROUP BY b.items
ORDER BY b.items

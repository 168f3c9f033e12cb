-- What share of the items each department sells, and in how many of the orders it is.
SELECT
    p.department,
    count(*) AS items,
    CAST(100e0 * count(*) / sum(count(*)) OVER () AS decimal(4, 1)) AS items_percent,
    count(DISTINCT i.order_id) AS orders
FROM order_items i
JOIN products p ON p.product_id = i.product_id
GROUP BY p.department
ORDER BY items DESC, p.department

-- The ten products ordered most often, and how many of those orders were repeat orders.
SELECT
    p.product_name,
    p.department,
    count(*) AS times_ordered,
    count(DISTINCT i.user_id) AS customers,
    CAST(100e0 * sum(CASE WHEN i.reordered THEN 1 ELSE 0 END) / count(*) AS decimal(4, 1)) AS reordered_percent
FROM order_items i
JOIN products p ON p.product_id = i.product_id
GROUP BY p.product_id, p.product_name, p.department
ORDER BY times_ordered DESC, p.product_id
LIMIT 10

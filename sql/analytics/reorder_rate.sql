-- How often customers buy a product again, by the days since their order before.
SELECT
    CASE
        WHEN days_since_prior_order IS NULL THEN '0 first order'
        WHEN days_since_prior_order <= 7 THEN '1 within a week'
        WHEN days_since_prior_order <= 14 THEN '2 within two weeks'
        ELSE '3 later'
    END AS came_back,
    count(DISTINCT order_id) AS orders,
    count(*) AS items,
    CAST(100e0 * sum(CASE WHEN reordered THEN 1 ELSE 0 END) / count(*) AS decimal(4, 1)) AS reordered_percent
FROM order_items
GROUP BY 1
ORDER BY 1

"""The guardrails: alarms, budget, dashboard, and what people may see and do."""

"""The monthly budget of everything that bears the project's tags, and the thresholds that notify."""

from __future__ import annotations

from aws_cdk import aws_budgets as budgets
from constructs import Construct

from infra.stacks.guardrails.parameters import GuardrailsParameters
from infra.stacks.guardrails.topic import ALARM_PREFIX
from infra.stacks.tags import PROJECT

THRESHOLDS = (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))
"""Per cent of the month's budget."""


class Budget(Construct):
    """The topic is notified at 80 and 100 per cent, and as soon as the month is expected to exceed it."""

    def __init__(self, scope: Construct, parameters: GuardrailsParameters, topic: str) -> None:
        super().__init__(scope, "Budget")
        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=f"{ALARM_PREFIX}{parameters.environment}",
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=parameters.number("MonthlyBudget"), unit="USD"),
                metrics=["UnblendedCost"],
                # of one account that has dev and prod, only this environment
                filter_expression=budgets.CfnBudget.ExpressionProperty(
                    and_=[_tagged("Project", PROJECT), _tagged("Environment", parameters.environment)]
                ),
            ),
            notifications_with_subscribers=[_notification(kind, percent, topic) for kind, percent in THRESHOLDS],
        )


def _tagged(key: str, value: str) -> budgets.CfnBudget.ExpressionProperty:
    return budgets.CfnBudget.ExpressionProperty(
        tags=budgets.CfnBudget.TagValuesProperty(key=key, values=[value], match_options=["EQUALS"])
    )


def _notification(kind: str, percent: int, topic: str) -> budgets.CfnBudget.NotificationWithSubscribersProperty:
    return budgets.CfnBudget.NotificationWithSubscribersProperty(
        notification=budgets.CfnBudget.NotificationProperty(
            notification_type=kind,
            comparison_operator="GREATER_THAN",
            threshold=percent,
            threshold_type="PERCENTAGE",
        ),
        subscribers=[budgets.CfnBudget.SubscriberProperty(subscription_type="SNS", address=topic)],
    )

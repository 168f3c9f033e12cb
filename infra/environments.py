"""What differs between dev and prod where AWS is rented: sizes, limits, addresses. Edit it for your accounts.

How the pipeline itself behaves per environment is in `ledgerlake.settings`.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Airflow:
    """The MWAA environment.

    Limits: https://docs.aws.amazon.com/mwaa/latest/userguide/mwaa-quotas.html
    """

    environment_class: str = "mw1.small"
    min_workers: int = 1
    max_workers: int = 2
    schedulers: int = 2
    webservers: int = 2
    webserver_access: str = "PUBLIC_ONLY"
    """`PUBLIC_ONLY`: reached from the internet, behind AWS's login; `PRIVATE_ONLY`: from the VPC alone."""
    log_level: str = "INFO"
    vpc_cidr: str = "10.192.0.0/16"
    maintenance_window: str = "TUE:03:30"
    """In UTC, on the hour or half hour."""


@dataclass(frozen=True)
class Guardrails:
    """What warns before it is expensive or late."""

    monthly_budget: int = 500
    """In US dollars, of everything that carries this project's tags."""
    notify: str | None = None
    """The e-mail address for the budget and for alarms; None: whoever subscribes to the topic."""
    oldest_delivery_minutes: int = 120
    """A message waiting for longer raises an alarm."""
    reject_share: float = 0.05
    """Of the rows of an hour; above it an alarm is raised."""
    cost_center: str = "ecommerce"


@dataclass(frozen=True)
class Delivery:
    """Who may deploy from GitHub Actions."""

    repository: str | None = None
    """`owner/name` on GitHub; None: nobody deploys from there."""
    branch: str = "main"
    github_environment: str = "dev"


@dataclass(frozen=True)
class Environment:
    """One rented environment."""

    name: str
    airflow: Airflow = field(default_factory=Airflow)
    guardrails: Guardrails = field(default_factory=Guardrails)
    delivery: Delivery = field(default_factory=Delivery)


ENVIRONMENTS = {
    each.name: each
    for each in (
        Environment("dev"),
        Environment(
            "prod",
            airflow=Airflow(environment_class="mw1.medium", max_workers=5, webserver_access="PRIVATE_ONLY"),
            guardrails=Guardrails(monthly_budget=1500, oldest_delivery_minutes=60),
            delivery=Delivery(github_environment="prod"),
        ),
    )
}

"""What MWAA allows, so that a wrong size is refused when it is written and not half an hour into a deployment.

Source: the user guide of Amazon MWAA, "environment class" and "quotas", and the shapes of its API.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network

from infra.environments import Airflow
from ledgerlake.errors import LedgerlakeError

VERSION = "3.3.1"
"""Of Airflow; its constraints are what requirements.txt is tested with."""
LOG_LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")
ACCESS_MODES = ("PUBLIC_ONLY", "PRIVATE_ONLY")
WINDOW = re.compile(r"(MON|TUE|WED|THU|FRI|SAT|SUN):([01]\d|2[0-3]):(00|30)")
MOST_WORKERS = 25


class ImpossibleEnvironment(LedgerlakeError):
    """MWAA has no environment of that kind."""


@dataclass(frozen=True)
class Class:
    """An environment class.

    Args:
        tasks: that one worker runs at a time, as MWAA configures it.
        counts: of schedulers and of web servers that it can have, from … to.
        workers: at most.
    """

    tasks: int
    counts: tuple[int, int] = (2, 5)
    workers: int = MOST_WORKERS


CLASSES = {
    "mw1.micro": Class(3, counts=(1, 1), workers=1),
    "mw1.small": Class(5),
    "mw1.medium": Class(10),
    "mw1.large": Class(20),
    "mw1.xlarge": Class(40),
    "mw1.2xlarge": Class(80),
}


def parallelism(airflow: Airflow) -> int:
    """Tasks that each scheduler may have at work: together no more than all workers can run.

    What is beyond waits in the scheduler, where priorities count, and not in Celery's queue, from
    which MWAA takes a task back after half an hour as lost.
    """
    return max(1, CLASSES[airflow.environment_class].tasks * airflow.max_workers // airflow.schedulers)


def check_possible(airflow: Airflow) -> None:
    """Compare with what MWAA allows.

    Raises:
        ImpossibleEnvironment: names the first value that it does not.
    """
    _one_of("environment_class", airflow.environment_class, tuple(CLASSES))
    _one_of("log_level", airflow.log_level, LOG_LEVELS)
    _one_of("webserver_access", airflow.webserver_access, ACCESS_MODES)
    size = CLASSES[airflow.environment_class]
    _between("max_workers", airflow.max_workers, 1, size.workers)
    _between("min_workers", airflow.min_workers, 1, airflow.max_workers)
    _between("schedulers", airflow.schedulers, *size.counts)
    _between("webservers", airflow.webservers, *size.counts)
    if not WINDOW.fullmatch(airflow.maintenance_window):
        raise _impossible("maintenance_window", airflow.maintenance_window, "a UTC half hour of the week: TUE:03:30")
    if not 16 <= IPv4Network(airflow.vpc_cidr).prefixlen <= 22:
        raise _impossible("vpc_cidr", airflow.vpc_cidr, "between /16 and /22: it is divided into two subnets of /24")


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise _impossible(name, value, f"one of {', '.join(allowed)}")


def _between(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise _impossible(name, value, f"{least} to {most}" if least < most else str(least))


def _impossible(name: str, value: object, expected: str) -> ImpossibleEnvironment:
    return ImpossibleEnvironment(f"{name} is {value!r}", expected=expected, remedy="edit infra/environments.py")

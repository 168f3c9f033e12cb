"""Trigger that waits for messages, and gives way to a run started by hand.

The triggerer has no DAG folder on its path, so this module must not import the kernel.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.providers.amazon.aws.triggers.sqs import SqsSensorTrigger
from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.triggers.base import TriggerEvent
from asgiref.sync import sync_to_async

GIVE_WAY = "give_way"


class WaitForMessages(SqsSensorTrigger):
    """Wait for messages, or for another queued run of the DAG.

    Args:
        dag_id: the DAG whose queued runs are counted after every poll.
        queued: the number of queued runs when the wait began; those may never be able to begin.
    """

    def __init__(self, *, dag_id: str, queued: int, **kwargs: Any) -> None:
        """Make the trigger from its arguments."""
        super().__init__(**kwargs)
        self.dag_id, self.queued = dag_id, queued

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the path of the trigger and its arguments."""
        path, fields = super().serialize()
        return path, {**fields, "dag_id": self.dag_id, "queued": self.queued}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until messages arrive or a run is queued."""
        least = self.queued
        while True:
            async with await self.hook.get_async_conn() as sqs:
                messages = await self.poke(client=sqs)
            if messages:
                yield TriggerEvent({"status": "success", "message_batch": messages})
                return
            queued = await self._queued(otherwise=least)
            if queued > least:
                yield TriggerEvent({"status": "success", "message_batch": [], GIVE_WAY: True})
                return
            least = min(least, queued)
            await asyncio.sleep(self.waiter_delay)

    async def _queued(self, otherwise: int) -> int:
        """Return the number of queued runs; an error of the query must not end the wait."""
        try:
            return await sync_to_async(queued_runs)(self.dag_id)
        except AirflowRuntimeError as error:
            self.log.warning("Whether a run is queued is not known: %s", error)
            return otherwise


def queued_runs(dag_id: str) -> int:
    """Return the number of queued runs of the DAG."""
    return RuntimeTaskInstance.get_dr_count(dag_id=dag_id, states=["queued"])

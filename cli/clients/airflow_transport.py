"""How a request reaches Airflow's REST API (v2): by HTTP on this machine, by AWS's own API on MWAA."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Protocol

import requests
from botocore.exceptions import ClientError

from cli.clients.connection import up_command
from cli.failures import Failed, LakeUnavailable
from local.home import Home

LONGEST_PATH = 64
"""Characters that MWAA takes as a path."""
_PATIENCE = {"GET": (30, 3)}
"""Seconds and attempts by method: a busy machine is slow to answer, and what only reads may be asked again."""
_TO_WRITE = (180, 1)
_ANSWERED = ("RestApiClientException", "RestApiServerException")
"""MWAA's names for an error that is Airflow's own answer."""
_ABSENT = "ResourceNotFoundException"


class Refused(Failed):
    """Airflow answered with an error.

    Args:
        status: of HTTP.
        detail: Airflow's own words.
    """

    def __init__(self, seen: str, *, status: int = 0, detail: str = "", expected: str = "", remedy: str = "") -> None:
        super().__init__(seen, expected=expected, remedy=remedy)
        self.status, self.detail = status, detail


class Transport(Protocol):
    """One way to Airflow."""

    name: str
    """Which Airflow, in words for people."""

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the JSON that Airflow answers; `path` is below `/api/v2`.

        Raises:
            LakeUnavailable: Airflow does not answer.
            Refused: Airflow answered with an error.
        """


class LocalAirflow:
    """The API server of a local lake, with its login."""

    def __init__(self, home: Home) -> None:
        self._url = home.airflow_url
        self._login = home.airflow_login()
        self._remedy = up_command(home)
        self._http = requests.Session()
        self.name = f"Airflow at {self._url}"

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Send one request; log in first where there is no valid token."""
        try:
            answer = self._ask(method, path, params, body)
            if answer.status_code == HTTPStatus.UNAUTHORIZED:
                self._log_in()
                answer = self._ask(method, path, params, body)
        except requests.Timeout as error:
            raise LakeUnavailable(
                f"{self.name} has not answered in time", remedy="ledgerlake status, then again"
            ) from error
        except requests.RequestException as error:
            raise LakeUnavailable(f"{self.name} does not answer", remedy=self._remedy) from error
        if not answer.ok:
            raise _refused(answer.status_code, method, path, _json(answer))
        return _json(answer)

    def _ask(
        self, method: str, path: str, params: Mapping[str, Any] | None, body: Mapping[str, Any] | None
    ) -> requests.Response:
        seconds, attempts = _PATIENCE.get(method, _TO_WRITE)
        url, headers = f"{self._url}/api/v2{path}", {"Accept": "application/json"}
        while True:
            attempts -= 1
            try:
                return self._http.request(method, url, params=params, json=body, headers=headers, timeout=seconds)
            except requests.Timeout:
                if not attempts:
                    raise

    def _log_in(self) -> None:
        user, password = self._login
        answer = self._http.post(
            f"{self._url}/auth/token", json={"username": user, "password": password}, timeout=_PATIENCE["GET"][0]
        )
        if not answer.ok:
            raise LakeUnavailable(f"Airflow refused the login of {user}: {answer.status_code}", remedy=self._remedy)
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


class ManagedAirflow:
    """An environment of MWAA, through `InvokeRestApi`: AWS's credentials are the login.

    Args:
        mwaa: a boto3 client of that service.
        environment: its name.
    """

    def __init__(self, mwaa: Any, environment: str) -> None:
        self._mwaa, self._environment = mwaa, environment
        self.name = f"the MWAA environment {environment}"

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Send one request through `airflow:InvokeRestApi`."""
        if len(path) > LONGEST_PATH:
            raise Refused(f"{path} is longer than MWAA takes", expected=f"at most {LONGEST_PATH} characters")
        given: dict[str, Any] = {"QueryParameters": dict(params)} if params else {}
        given |= {"Body": dict(body)} if body is not None else {}
        try:
            answer = self._mwaa.invoke_rest_api(Name=self._environment, Path=path, Method=method, **given)
        except ClientError as error:
            raise self._explained(error, method, path) from error
        return _as_dict(answer.get("RestApiResponse"))

    def _explained(self, error: ClientError, method: str, path: str) -> Exception:
        answer: Mapping[str, Any] = error.response
        code = answer["Error"]["Code"]
        if code in _ANSWERED:
            status = int(answer.get("RestApiStatusCode") or HTTPStatus.INTERNAL_SERVER_ERROR)
            return _refused(status, method, path, _as_dict(answer.get("RestApiResponse")))
        if code == _ABSENT:
            return LakeUnavailable(
                f"there is no MWAA environment {self._environment}",
                expected="the name of one in this account and region",
                remedy="ledgerlake --mwaa-environment NAME …, or set LEDGERLAKE_MWAA_ENVIRONMENT",
            )
        return error


def _refused(status: int, method: str, path: str, answer: dict[str, Any]) -> Refused:
    said = answer.get("detail") or answer.get("message") or answer
    detail = said if isinstance(said, str) else json.dumps(said)
    return Refused(
        f"Airflow answered {status} to {method} {path}: {' '.join(detail.split())[:300]}",
        status=status,
        detail=detail,
        remedy="ledgerlake status",
    )


def _json(answer: requests.Response) -> dict[str, Any]:
    if not answer.content:
        return {}
    try:
        return _as_dict(answer.json())
    except ValueError:
        return {"detail": answer.text[:300]}


def _as_dict(found: Any) -> dict[str, Any]:
    """MWAA hands on JSON as it came, or as a text with JSON in it."""
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except ValueError:
            return {"detail": found}
    return found if isinstance(found, dict) else {}

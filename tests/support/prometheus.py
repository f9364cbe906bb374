"""A private Prometheus for tests: Debian's, brought by `hotline.tools`, on free loopback ports, gone at the end.

`Prometheus.start` … `stop`; `assert_dashboard_has_data` runs every query of a committed dashboard, `assert_rules_work` every
recording rule and alert. All of it blocks: call it in a thread from asynchronous tests.
"""

import json
import math
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotline.tools import Tool, bring
from metrics.scrape import scrape_config

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy" / "prometheus"
DASHBOARD = ROOT / "deploy" / "grafana" / "hotline-now.json"
STAFFING = ROOT / "deploy" / "grafana" / "hotline-staffing.json"
DASHBOARDS = (DASHBOARD, STAFFING)
RULES = tuple(sorted((DEPLOY / "rules").glob("*.yml")))
START_TIMEOUT_S = 30.0


def tool() -> Tool:
    """Return Debian's Prometheus, fetched on first use."""
    return bring("prometheus", ["prometheus"], progress=lambda _: None)


def promtool(*args: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run promtool with `text` on its standard input and return what it said."""
    command = tool().command("promtool", *args)
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)


@dataclass(frozen=True, kw_only=True)
class Series:
    """One series of an answer."""

    labels: dict[str, str]
    values: tuple[float, ...]

    def has_data(self) -> bool:
        """Return whether any value is a number."""
        return any(math.isfinite(v) for v in self.values)


class Prometheus:
    """A running server."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self.url = url
        self._process = process
        self._log = log

    @classmethod
    def start(cls, targets: Sequence[str], work: Path, *, interval_s: int = 1) -> "Prometheus":
        """Start a server in the directory `work` that scrapes `targets` (`host:port`), with all our rules; wait until it is ready."""
        template = (DEPLOY / "prometheus.yml.in").read_text(encoding="utf-8")
        config = work / "prometheus.yml"
        rules = str(DEPLOY / "rules" / "*.yml")
        config.write_text(
            scrape_config(template, targets=targets, interval_s=interval_s, rules=rules), encoding="utf-8"
        )
        port, log = _free_port(), work / "prometheus.log"
        command = tool().command(
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={work / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--query.lookback-delta=30s",
        )
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        server = cls(process, f"http://127.0.0.1:{port}", log)
        try:
            server.wait_until(server._is_ready, "Prometheus is ready", START_TIMEOUT_S)
        except BaseException:
            server.stop()
            raise
        return server

    def stop(self) -> None:
        """End the server and wait for it."""
        self._process.terminate()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def wait_until(self, condition: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
        """Wait for a condition; fails with the end of the server's log when it does not come true in time."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            ended = self._process.poll()
            if ended is not None or time.monotonic() > deadline:
                tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-10:])
                raise AssertionError(f"not in time: {what} (exit code {ended})\n{tail}")
            time.sleep(0.1)

    def wait_for_data(self, expr: str, timeout_s: float = 30.0) -> None:
        """Wait until a query returns a number."""
        self.wait_until(lambda: any(s.has_data() for s in query(self.url, expr)), expr, timeout_s)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


def query(url: str, expr: str) -> list[Series]:
    """Return the answer to an instant query; raises AssertionError when Prometheus refuses it."""
    return _series(_ask(url, "query", query=expr))


def query_range(url: str, expr: str, *, window_s: float, step_s: float = 1.0) -> list[Series]:
    """Return the answer to a query over the last `window_s` seconds."""
    end = time.time()  # noqa: TID251 - Prometheus lives on the wall clock
    return _series(_ask(url, "query_range", query=expr, start=str(end - window_s), end=str(end), step=str(step_s)))


def dashboard_queries(path: Path = DASHBOARD) -> Iterator[tuple[str, str]]:
    """Yield (panel title and ref id, expression) of every query of a Grafana dashboard, and of its variables."""
    board = json.loads(path.read_text(encoding="utf-8"))
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield f"{panel['title']} [{target['refId']}]", target["expr"]
    for variable in board["templating"]["list"]:
        if str(variable["query"]).startswith("label_values("):
            yield f"variable {variable['name']}", variable["query"].removeprefix("label_values(").split(",")[0]


def filled_in(expr: str, rate_interval: str) -> str:
    """Return a dashboard's expression as Grafana would send it with all queues chosen."""
    return expr.replace("$queue", ".*").replace("$__rate_interval", rate_interval)


CALLBACK_WAITS = "客户接听后等待坐席 / Customers who answered, waiting for an agent [A]"
"""A mean that nobody has where nobody was called back."""
FORECASTS = frozenset(
    {
        *(f"预测与实际（每时段）/ Expected and offered, per interval [{ref}]" for ref in "ABC"),
        *(f"需要与在岗坐席 / Required and present [{ref}]" for ref in "ABC"),
        "预测误差 WAPE（28 天）/ Forecast error WAPE, 28 days [A]",
    }
)
"""What nobody knows of a house that has no history yet (with one: tests/acceptance/test_forecast.py)."""
CALLBACKS_WAITING = "等待回拨 / Waiting to be called back [A]"
"""A level that only a router tells."""


def assert_dashboard_has_data(
    prometheus_url: str,
    window: float,
    *,
    rate_interval: str = "15s",
    idle: Container[str] = (),
    dashboard: Path = DASHBOARD,
) -> None:
    """Assert that every query of a dashboard returned a number at some moment of the last `window` seconds.

    `idle`: queries (panel title and ref id) about something that did not happen, so that there is no number.
    """
    empty = [
        f"{where}: {expr}"
        for where, expr in dashboard_queries(dashboard)
        if where not in idle and not _has_data(prometheus_url, filled_in(expr, rate_interval), window)
    ]
    assert not empty, "dashboard queries without data:\n" + "\n".join(empty)


def _has_data(url: str, expr: str, window: float) -> bool:
    return any(s.has_data() for s in query_range(url, expr, window_s=window, step_s=max(window / 60, 1.0)))


def assert_rules_work(prometheus_url: str) -> None:
    """Assert that every recording rule has data and that every alert is evaluated without error."""
    groups = _ask(prometheus_url, "rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert {rule["type"] for rule in rules} == {"recording", "alerting"}
    broken = [f"{r['name']}: {r['health']} {r.get('lastError', '')}" for r in rules if r["health"] != "ok"]
    assert not broken, "rules that do not work:\n" + "\n".join(broken)
    for rule in rules:
        answer = query(prometheus_url, rule["name"] if rule["type"] == "recording" else rule["query"])
        assert rule["type"] == "alerting" or any(s.has_data() for s in answer), f"no data: {rule['name']}"


def firing(prometheus_url: str) -> set[str]:
    """Return the names of the alerts that are pending or firing."""
    return {a["labels"]["alertname"] for a in _ask(prometheus_url, "alerts")["alerts"]}


def _ask(url: str, what: str, **parameters: str) -> Any:
    address = f"{url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return json.load(answer)["data"]
    except urllib.error.HTTPError as exc:
        raise AssertionError(f"{parameters.get('query', what)}: {exc.read().decode(errors='replace')}") from exc


def _series(data: Any) -> list[Series]:
    if data["resultType"] == "scalar":
        return [Series(labels={}, values=(float(data["result"][1]),))]
    return [
        Series(labels=r["metric"], values=tuple(float(v) for _, v in r.get("values", [r.get("value")])))
        for r in data["result"]
    ]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""The command line's way to a running hotline: its HTTP API, found through `runtime.json` of the data directory."""

import getpass
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from hotline.errors import Misuse, Rejected, Unavailable
from hotline.ids import is_safe_id
from hotline.web.routes import ASKED_BY

TIMEOUT_S = 30.0


class Client:
    """Calls the API of the hotline that runs on a data directory. Blocking: for the command line only."""

    def __init__(self, base: str, token: str) -> None:
        self.base = base
        self.token = token

    @classmethod
    def of(cls, data_dir: Path) -> "Client":
        """Return a client for the hotline that runs on `data_dir`; raises Unavailable with the remedy when none does."""
        runtime = read_runtime(data_dir)
        try:
            return cls(runtime["http"], runtime["api_token"])
        except KeyError as exc:
            raise Unavailable(f"{data_dir / 'runtime.json'} names no {exc.args[0]}; start `hotline up` anew") from exc

    def get(self, path: str, **query: Any) -> Any:
        """Return the decoded answer of a GET; parameters that are None are left out."""
        given = {k: v for k, v in query.items() if v is not None}
        suffix = "?" + urllib.parse.urlencode(given) if given else ""
        return self._decoded(self._send("GET", path + suffix, None))

    def post(self, path: str, body: Any) -> Any:
        """Return the decoded answer of a POST."""
        return self._decoded(self._send("POST", path, body))

    def put(self, path: str, body: Any) -> Any:
        """Return the decoded answer of a PUT."""
        return self._decoded(self._send("PUT", path, body))

    def patch(self, path: str, body: Any) -> Any:
        """Return the decoded answer of a PATCH."""
        return self._decoded(self._send("PATCH", path, body))

    def delete(self, path: str, **query: Any) -> Any:
        """Return the decoded answer of a DELETE; parameters that are None are left out."""
        given = {k: v for k, v in query.items() if v is not None}
        suffix = "?" + urllib.parse.urlencode(given) if given else ""
        return self._decoded(self._send("DELETE", path + suffix, None))

    def download(self, path: str, target: Path) -> int:
        """Store the answer of a GET in `target` and return its size in bytes."""
        body = self._send("GET", path, None)
        try:
            target.write_bytes(body)
        except OSError as exc:
            raise Misuse(f"{target} cannot be written: {exc.strerror}") from exc
        return len(body)

    def text(self, path: str) -> str:
        """Return the answer of a GET as text."""
        return self._send("GET", path, None).decode()

    def readiness(self) -> dict[str, bool]:
        """Return which parts are ready."""
        parts: dict[str, bool] = self._decoded(self._send("GET", "/readyz", None, also=503))
        return parts

    def _decoded(self, answer: bytes) -> Any:
        try:
            return json.loads(answer)
        except ValueError as exc:
            raise Unavailable(f"what answers at {self.base} is no hotline; is `hotline up` still running?") from exc

    def _send(self, method: str, path: str, body: Any, also: int = 0) -> bytes:
        """Send a request and return the body of the answer, whose status is good, or `also`."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", ASKED_BY: asker()}
        request = urllib.request.Request(self.base + path, data=data, method=method, headers=headers)  # noqa: S310 - our own address
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310 - our own address
                return bytes(response.read())
        except urllib.error.HTTPError as exc:
            if exc.code == also:
                return bytes(exc.read())
            raise _refusal(exc) from exc
        except (OSError, http.client.HTTPException) as exc:
            raise Unavailable(f"the hotline at {self.base} does not answer; is `hotline up` still running?") from exc


def asker() -> str:
    """Return who uses this terminal, as the operating system knows him, for the log of orders; `token` when it tells no usable name."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container may run a user whom nobody named
        return "token"
    return name if is_safe_id(name) else "token"


def _refusal(error: urllib.error.HTTPError) -> Exception:
    try:
        detail = json.loads(error.read())["detail"]
    except (ValueError, KeyError, TypeError):
        detail = error.reason
    if error.code in (502, 503, 504):
        return Unavailable(detail)
    return Misuse(detail) if error.code == 400 else Rejected(str(error.code), detail)


def read_runtime(data_dir: Path) -> dict[str, Any]:
    """Return what a running hotline wrote about itself; raises Unavailable when there is nothing or it is unreadable."""
    file = data_dir / "runtime.json"
    try:
        runtime: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise Unavailable(
            f"no hotline runs on {data_dir}; start it with `hotline up --data-dir {data_dir}` (or name the right --data-dir)"
        ) from exc
    except (OSError, ValueError) as exc:
        raise Unavailable(f"{file} cannot be read: {exc}") from exc
    return runtime


def read_node(data_dir: Path) -> dict[str, Any]:
    """Return what a running process with an Asterisk wrote about itself; raises Misuse for one without."""
    runtime = read_runtime(data_dir)
    if "asterisk" not in runtime:
        raise Misuse(
            f"the hotline on {data_dir} runs {' '.join(runtime.get('services', []))} and has no Asterisk; "
            "name the --data-dir of a process with telephony"
        )
    return runtime

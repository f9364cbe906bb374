"""A certificate for SIP over TLS: the operator's own, or one that we sign ourselves so that TLS works at all."""

import os
import shutil
import subprocess
from pathlib import Path

from hotline.errors import Misuse, Unavailable
from hotline.tools import last_lines

CERTIFICATE, KEY = "asterisk.crt", "asterisk.key"
DAYS = 825
_TIMEOUT_S = 30.0


def make_certificate(keys_dir: Path, host: str) -> None:
    """Make `asterisk.crt` and `asterisk.key` in `keys_dir` unless they are there.

    Raises Misuse when they are missing and this machine has no `openssl` to make them.
    """
    certificate, key = keys_dir / CERTIFICATE, keys_dir / KEY
    if certificate.is_file() and key.is_file():
        return
    if shutil.which("openssl") is None:
        raise Misuse(
            f"sip.tls: put {CERTIFICATE} and {KEY} into {keys_dir}, or install openssl, or set sip.tls = false"
        )
    fresh = [keys_dir / f".{CERTIFICATE}.new", keys_dir / f".{KEY}.new"]
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-days", str(DAYS), "-subj", f"/CN={host}", "-addext", f"subjectAltName=IP:{host}",
        "-out", str(fresh[0]), "-keyout", str(fresh[1]),
    ]  # fmt: skip
    try:
        made = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise Unavailable(f"openssl cannot make a certificate: {exc}") from exc
    if made.returncode != 0:
        raise Unavailable(f"openssl cannot make a certificate: {last_lines(made.stderr)}")
    fresh[1].chmod(0o600)
    fresh[1].replace(key)
    fresh[0].replace(certificate)
    os.sync()

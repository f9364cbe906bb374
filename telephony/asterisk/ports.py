"""Which ports a private Asterisk uses: those of the settings, or free ones where the settings say 0."""

import random
import socket

from hotline.errors import Misuse, Unavailable
from hotline.settings import Settings
from telephony.asterisk.config import Ports

RTP_PORTS_PER_CALL = 4
"""Two legs, each with a port for media and one for its reports."""
_RTP_LOWEST, _RTP_HIGHEST = 16_384, 32_767
"""Free blocks are looked for below the range from which the system takes ports for outgoing connections."""
_TRIES = 50


def choose(settings: Settings, earlier: Ports | None = None) -> Ports:
    """Return ports that are free now; where the settings leave the choice, those of `earlier` are preferred.

    Raises Misuse naming the setting when a fixed port is taken, Unavailable when nothing is free.
    """
    sip, ami = settings.sip, settings.ami
    rtp_start, rtp_end = _rtp_block(settings, earlier)
    return Ports(
        sip=_one("sip.port", sip.host, sip.port, earlier.sip if earlier else 0, span=2 if sip.tls else 1),
        ami=_one("ami.port", ami.host, ami.port, earlier.ami if earlier else 0),
        rtp_start=rtp_start,
        rtp_end=rtp_end,
    )


def conflict(settings: Settings, running: Ports) -> str | None:
    """Return a sentence when the settings now ask for other fixed ports than those a running Asterisk uses, else None."""
    wanted = {"sip.port": (settings.sip.port, running.sip), "ami.port": (settings.ami.port, running.ami)}
    for name, (fixed, used) in wanted.items():
        if fixed not in (0, used):
            return (
                f"{name} is {fixed} now, but the Asterisk that still runs uses {used}; end it with `hotline down` first"
            )
    return None


def _one(name: str, host: str, fixed: int, earlier: int, span: int = 1) -> int:
    """Return one port that is free for UDP and TCP, with `span - 1` free ports behind it."""
    if fixed:
        taken = next((p for p in range(fixed, fixed + span) if not _is_free(host, p)), None)
        if taken is not None:
            raise Misuse(
                f"port {taken} on {host} is taken; end the program that uses it, or set {name} to another one (0: any free one)"
            )
        return fixed
    for candidate in (earlier, *(0,) * _TRIES):
        port = candidate or _any(name, host)
        if all(_is_free(host, p) for p in range(port, port + span)):
            return port
    raise Unavailable(f"{name}: found no free port on {host}")


def _any(name: str, host: str) -> int:
    with _socket(host, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError as exc:
            setting = name.split(".", maxsplit=1)[0]
            raise Misuse(f"{setting}.host: {host} is no address of this machine ({exc.strerror})") from exc
        return int(probe.getsockname()[1])


def _is_free(host: str, port: int) -> bool:
    if port > 65_535:
        return False
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with _socket(host, kind) as probe:
            try:
                if kind == socket.SOCK_STREAM:
                    probe.setsockopt(
                        socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
                    )  # as Asterisk does: TIME_WAIT is not "taken"
                probe.bind((host, port))
            except OSError:
                return False
    return True


def _socket(host: str, kind: int) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)


def _rtp_block(settings: Settings, earlier: Ports | None) -> tuple[int, int]:
    """Return first and last media port. Asterisk takes another port of its block when one is taken, so overlaps are harmless."""
    sip = settings.sip
    needed = settings.asterisk.max_calls * RTP_PORTS_PER_CALL
    if sip.rtp_start:
        return sip.rtp_start, sip.rtp_end
    size = min(max(needed, 100), (_RTP_HIGHEST - _RTP_LOWEST) // 2)
    if earlier is not None and earlier.rtp_end - earlier.rtp_start + 1 == size:
        return earlier.rtp_start, earlier.rtp_end
    chooser = random.SystemRandom()
    for _ in range(_TRIES):
        start = chooser.randrange(_RTP_LOWEST, _RTP_HIGHEST - size, 2)
        if _mostly_free(sip.host, start, size):
            return start, start + size - 1
    raise Unavailable(f"sip.rtp_start: found no free block of {size} ports on {sip.host}; name one in the settings")


def _mostly_free(host: str, start: int, size: int) -> bool:
    """Return whether a sample of the block is free: another Asterisk's block would show, one stray port may not matter."""
    step = max(size // 32, 1)
    return all(_is_free(host, port) for port in range(start, start + size, step))

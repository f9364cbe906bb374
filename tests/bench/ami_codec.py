"""How fast our AMI codec is beside stock panoramisk, on the same bytes in the same run.

    python tests/bench/ami_codec.py [--seconds S] [--json]

The bytes are a real call's, repeated, handed over in reads of 64 KiB. "stock panoramisk" is its own protocol and manager without any
handler registered; "our codec" is the decoder as the link uses it, with header look-up, duplicate and mandatory-header checks;
"codec and types" also makes the typed messages. The ratio is the median of rounds in which all took turns.
"""

import argparse
import asyncio
import json
import statistics
from collections.abc import Callable
from pathlib import Path

from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager

from hotline.runtime.clock import processor_seconds
from telephony.ami.codec import Decoder, Message
from telephony.ami.messages import REQUIRED, parse

DATA = Path(__file__).parents[1] / "data" / "ami"
READ_BYTES = 65_536
REPEAT = 40


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--seconds", type=float, default=6.0, help="how long to measure, about")
    options.add_argument("--json", action="store_true", help="print a JSON object instead of a table")
    chosen = options.parse_args()
    results = {name: measure(DATA / f"{name}.ami", chosen.seconds / 2) for name in ("call-filtered", "call-all-events")}
    if chosen.json:
        print(json.dumps(results, indent=2))
        return
    for name, result in results.items():
        print(f"{name}: {result['messages']} messages, {result['bytes']} bytes, {result['rounds']} rounds")
        for program in ("stock panoramisk", "our codec", "codec and types"):
            print(f"  {program:18} {result[program]:12,.0f} messages/s")
        print(f"  ratio              {result['ratio']:12.1f} x (with types {result['ratio with types']:.1f} x)")


def measure(path: Path, seconds: float) -> dict[str, float]:
    """Return messages per second of each program on the bytes of one transcript, and the ratios."""
    banner, body = path.read_bytes().split(b"\r\n", 1)
    body = b"".join(
        m + b"\r\n\r\n" for m in body.split(b"\r\n\r\n") if m and b"FullyBooted" not in m
    )  # would start panoramisk's tasks
    stream = banner + b"\r\n" + body * REPEAT
    reads = [stream[at : at + READ_BYTES] for at in range(0, len(stream), READ_BYTES)]
    messages = body.count(b"\r\n\r\n") * REPEAT
    programs = {"stock panoramisk": run_stock, "our codec": run_codec, "codec and types": run_types}
    spent: dict[str, list[float]] = {name: [] for name in programs}
    began = processor_seconds()
    while processor_seconds() - began < seconds:
        for name, program in programs.items():
            spent[name].append(timed(program, reads))
    speed: dict[str, float] = {name: messages / min(times) for name, times in spent.items()}
    stock = spent["stock panoramisk"]
    return {
        "messages": messages,
        "bytes": len(stream),
        "rounds": len(stock),
        **speed,
        "ratio": statistics.median(a / b for a, b in zip(stock, spent["our codec"], strict=True)),
        "ratio with types": statistics.median(a / b for a, b in zip(stock, spent["codec and types"], strict=True)),
    }


def timed(program: Callable[[list[bytes]], None], reads: list[bytes]) -> float:
    """Return the processor time of one run; it waits for nothing."""
    began = processor_seconds()
    program(reads)
    return processor_seconds() - began


def run_stock(reads: list[bytes]) -> None:
    """Feed panoramisk's own protocol."""
    manager = Manager(loop=asyncio.new_event_loop())
    protocol = AMIProtocol()
    protocol.connection_made(None)
    protocol.factory, protocol.encoding = manager, "utf8"
    for data in reads:
        protocol.data_received(data)
    manager.loop.close()


def run_codec(reads: list[bytes]) -> None:
    """Feed our decoder."""
    decoder = Decoder(required=REQUIRED)
    for data in reads:
        decoder.feed(data)


def run_types(reads: list[bytes]) -> None:
    """Feed our decoder and type every event."""
    decoder = Decoder(required=REQUIRED)
    for data in reads:
        for item in decoder.feed(data):
            if isinstance(item, Message):
                parse(item)


if __name__ == "__main__":
    main()

"""The elements of SIPp's scenario language, as XML text. Pure. Attributes have SIPp's names; None leaves one out."""

from xml.sax.saxutils import quoteattr


def scenario(name: str, *parts: str) -> str:
    """Return a whole scenario."""
    return "\n".join(
        ('<?xml version="1.0" encoding="UTF-8"?>', f"<scenario name={quoteattr(name)}>", *parts, "</scenario>", "")
    )


def label(name: str) -> str:
    """Return a place to jump to."""
    return f"<label id={quoteattr(name)}/>"


def log(text: str) -> str:
    """Return an action that writes a line to the log."""
    return f"<log message={quoteattr(text)}/>"


def nop(text: str, next: str | None = None) -> str:  # noqa: A002 - SIPp's name of the attribute
    """Return a step that only writes a line to the log."""
    return f"<nop{_attributes({'next': next})}><action>{log(text)}</action></nop>"


def recv(*, action: str = "", **attributes: str | int | bool | None) -> str:
    """Return a step that waits for a message."""
    inside = f"<action>{action}</action>" if action else ""
    return f"<recv{_attributes(attributes)}>{inside}</recv>"


def send(message: str, *, action: str = "", **attributes: str | int | bool | None) -> str:
    """Return a step that sends a message."""
    inside = f"<action>{action}</action>" if action else ""
    return f"<send{_attributes(attributes)}><![CDATA[\n{message}\n]]>{inside}</send>"


def _attributes(values: dict[str, str | int | None]) -> str:
    found = ((n, "true" if v is True else str(v)) for n, v in values.items() if v is not None)
    return "".join(f" {name}={quoteattr(text)}" for name, text in found)

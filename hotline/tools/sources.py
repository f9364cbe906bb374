"""Which Debian mirror this machine uses, read from its own apt sources. Pure.

We name no mirror ourselves: a machine behind a company's proxy or in another country already knows the right one. Both
formats are read: one-line (`sources.list`, `*.list`) and deb822 (`*.sources`); see the manual page sources.list(5).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

SUITE = "forky"
COMPONENT = "main"
_ONE_LINE = re.compile(
    r"\s*deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<components>(?:\s+[^\s#]+)*)"
)
_NOT_THE_ARCHIVE = re.compile(r"security|backports|updates|debug|ports|/?ppa/")
_NETWORK = ("http://", "https://", "mirror+http://", "mirror+https://", "tor+http://", "tor+https://")


@dataclass(frozen=True, kw_only=True)
class Source:
    """One place to fetch packages from."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""
    """Key files, separated by blanks, or a whole key; empty: the machine's usual ones."""


def parse(name: str, text: str) -> list[Source]:
    """Return the binary sources of one file of apt's configuration, in order; `name` tells the format."""
    return list(_deb822(text) if name.endswith(".sources") else _one_line(text))


def choose(sources: list[Source]) -> Source | None:
    """Return the source that most likely is a Debian archive with all its suites, or None.

    Several entries may do; one with `main` in it and neither security nor updates alone is the archive itself.
    """
    usable = [s for s in sources if COMPONENT in s.components and s.uri.startswith(_NETWORK)]
    return min(usable, key=_oddness, default=None)


def _oddness(source: Source) -> tuple[bool, bool, bool]:
    """Rank: Debian by its name first, then what serves a plain suite, then not a security archive."""
    plain = any(not _NOT_THE_ARCHIVE.search(suite) for suite in source.suites)
    security = "security" in source.uri
    return (security, not plain, "debian" not in source.uri + source.signed_by)


def deb822(source: Source, keyring: str, suite: str = SUITE) -> str:
    """Return a sources file for one suite at the mirror of `source`; `keyring` holds Debian's archive keys."""
    if "BEGIN PGP" in source.signed_by:
        lines = (line.strip() or "." for line in source.signed_by.strip().splitlines())
        signed_by = "\n " + "\n ".join(lines)
    else:
        signed_by = " ".join(dict.fromkeys([*source.signed_by.replace(",", " ").split(), *keyring.split()]))
    fields = ("Types: deb", f"URIs: {source.uri}", f"Suites: {suite}", f"Components: {COMPONENT}")
    return "\n".join((*fields, *([f"Signed-By: {signed_by}"] if signed_by else []), ""))


def _one_line(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        found = _ONE_LINE.match(line)
        if found is None:
            continue
        options = dict(o.split("=", 1) for o in (found["options"] or "").split() if "=" in o)
        yield Source(
            uri=found["uri"],
            suites=(found["suite"],),
            components=tuple(found["components"].split()),
            signed_by=options.get("signed-by", ""),
        )


def _deb822(text: str) -> Iterator[Source]:
    for stanza in re.split(r"\n\s*\n", text):
        fields = _fields(stanza)
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        for uri in fields.get("uris", "").split():
            yield Source(
                uri=uri,
                suites=tuple(fields.get("suites", "").split()),
                components=tuple(fields.get("components", "").split()),
                signed_by=fields.get("signed-by", "").strip(),
            )


def _fields(stanza: str) -> dict[str, str]:
    """Return the fields of a stanza; names in lower case, continued lines joined by line ends, comments gone."""
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace():
            fields[name] = fields.get(name, "") + "\n" + line.strip()
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields

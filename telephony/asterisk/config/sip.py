"""Phones, trunk and other nodes: `pjsip.conf`. Pure.

Callers are known by the address they call from and may only dial our numbers; everybody else must register as a seat, or be
one of the other nodes of the same hotline (`peers`).
No endpoint takes a name or number from what its peer claims: `callerid` is fixed, the dialplan rebuilds the number.
"""

from telephony.asterisk.config import outside, peers
from telephony.asterisk.config.plan import Plan, check_network, document, host_port, path_value, section

QUALIFY_S = 30
QUALIFY_FIRST_S = 1

_COMMON = (
    "direct_media = no",
    "rtp_symmetric = yes",
    "force_rport = yes",
    "rewrite_contact = yes",
    "trust_id_inbound = no",
    "trust_id_outbound = no",
    "send_pai = no",
    "send_rpid = no",
    "allow_transfer = no",
    "allow_subscribe = no",
    "allow_overlap = no",
    "dtmf_mode = rfc4733",
    "max_video_streams = 0",
    "language = en",
)


def pjsip_conf(plan: Plan) -> str:
    """Return `pjsip.conf`."""
    sip = plan.settings.sip
    codecs = ("disallow = all", f"allow = {','.join(sip.codecs)}")
    return document(
        "Phones, trunk and other nodes",
        section(
            "global",
            "type = global",
            "user_agent = hotline",
            "endpoint_identifier_order = ip,username",
            "disable_multi_domain = yes",
            # After a start every phone counts as unreachable until it has been asked; by default that takes as long as `QUALIFY_S`.
            f"max_initial_qualify_time = {QUALIFY_FIRST_S}",
            "debug = no",
        ),
        section("system", "type = system", "disable_tcp_switch = yes"),
        *_transports(plan),
        section(
            "trunk",
            "type = endpoint",
            "context = hotline-trunk",
            'callerid = "" <0>',
            "identify_by = ip",
            *codecs,
            *_COMMON,
        ),
        section("trunk", "type = identify", "endpoint = trunk", f"match = {check_network('sip.trunk_from', sip.trunk_from)}"),
        _template("seat", "type = endpoint", "context = hotline-seat", "identify_by = username", "device_state_busy_at = 1",
                  *(("media_encryption = sdes", "media_encryption_optimistic = yes") if sip.tls else ()), *codecs, *_COMMON),
        _template("seat-auth", "type = auth", "auth_type = digest"),
        _template(
            "seat-aor",
            "type = aor",
            "max_contacts = 1",
            "remove_existing = yes",
            f"qualify_frequency = {QUALIFY_S}",
            "qualify_timeout = 3.0",
            "minimum_expiration = 30",
            "default_expiration = 120",
            "maximum_expiration = 3600",
        ),
        *(_seat(seat, plan.seat_passwords[seat]) for seat in plan.settings.seats.extensions()),
        *peers.endpoints(plan, (*codecs, *_COMMON)),
        *outside.endpoint(plan, (*codecs, *_COMMON)),
    )  # fmt: skip


def _transports(plan: Plan) -> list[str]:
    """Return the transports: UDP and TCP on the SIP port, TLS on the next one when the settings ask for it."""
    bind = host_port(plan.settings.sip.host, plan.ports.sip)
    found = [section(f"transport-{p}", "type = transport", f"protocol = {p}", f"bind = {bind}") for p in ("udp", "tcp")]
    if plan.settings.sip.tls:
        found.append(
            section(
                "transport-tls",
                "type = transport",
                "protocol = tls",
                f"bind = {host_port(plan.settings.sip.host, plan.ports.sip + 1)}",
                f"cert_file = {path_value(plan.dirs.as_told(plan.dirs.keys / 'asterisk.crt'))}",
                f"priv_key_file = {path_value(plan.dirs.as_told(plan.dirs.keys / 'asterisk.key'))}",
                "method = tlsv1_2",
            )
        )
    return found


def _template(name: str, *lines: str) -> str:
    return "\n".join((f"[{name}](!)", *lines)) + "\n"


def _seat(extension: str, password: str) -> str:
    return "\n".join(
        (
            f"[{extension}](seat)",
            f"auth = {extension}",
            f"aors = {extension}",
            f'callerid = "" <{extension}>',
            f"[{extension}](seat-auth)",
            f"username = {extension}",
            f"password = {password}",
            f"[{extension}](seat-aor)",
            "",
        )
    )

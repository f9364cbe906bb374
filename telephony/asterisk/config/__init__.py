"""Asterisk's configuration files, generated from our settings. Pure; `telephony.asterisk.files` writes them."""

from telephony.asterisk.config import core, dialplan, queues, sip, transfers
from telephony.asterisk.config.plan import Dirs, Plan, Ports

__all__ = ["Dirs", "Plan", "Ports", "render"]

_FILES = {
    "asterisk.conf": core.asterisk_conf,
    "modules.conf": core.modules_conf,
    "logger.conf": core.logger_conf,
    "manager.conf": core.manager_conf,
    "rtp.conf": core.rtp_conf,
    "musiconhold.conf": core.musiconhold_conf,
    "cel.conf": core.cel_conf,
    "cel_custom.conf": core.cel_custom_conf,
    "cdr.conf": core.cdr_conf,
    "pjsip.conf": sip.pjsip_conf,
    "extensions.conf": dialplan.extensions_conf,
    "queues.conf": queues.queues_conf,
}


def render(plan: Plan) -> dict[str, str]:
    """Return all configuration files: name -> text. The same plan gives the same bytes."""
    fixed = core.quiet_files() | {"confbridge.conf": transfers.confbridge_conf()}
    return {name: generate(plan) for name, generate in _FILES.items()} | fixed

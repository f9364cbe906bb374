"""The parts of Asterisk below the phones: directories, modules, manager port, media ports, logs, records of calls. Pure."""

from hotline.dialling import TRUNK
from telephony.asterisk.config.plan import Plan, document, path_value, section
from telephony.seats import peer_name

MODULES = (
    # sound files and codecs
    "codec_ulaw", "codec_alaw", "codec_gsm", "codec_g722", "codec_resample",
    "format_gsm", "format_pcm", "format_sln", "format_wav",
    "res_musiconhold", "res_timing_timerfd",
    # SIP
    "res_crypto", "res_pjproject", "res_sorcery_astdb", "res_sorcery_config", "res_sorcery_memory",
    "res_geolocation", "res_statsd", "res_pjsip", "res_pjsip_pubsub", "res_pjsip_session", "chan_pjsip",
    "res_pjsip_authenticator_digest", "res_pjsip_caller_id", "res_pjsip_dlg_options",
    "res_pjsip_endpoint_identifier_ip", "res_pjsip_endpoint_identifier_user", "res_pjsip_header_funcs",
    "res_pjsip_dtmf_info", "res_pjsip_nat", "res_pjsip_registrar", "res_pjsip_rfc3326", "res_pjsip_sdp_rtp",
    "res_rtp_asterisk",
    "res_pjsip_refer",  # says no to a phone's own transfer at once; without it nobody answers, and the phone ends the call after 32 s
    # bridges; not bridge_native_rtp, past which the keys go that agents press while they talk
    "bridge_builtin_features", "bridge_holding", "bridge_simple", "bridge_softmix",
    # dialplan
    "pbx_config", "app_dial", "app_exec", "app_mixmonitor", "app_playback", "app_queue", "app_read", "app_record", "app_stack", "app_userevent",
    "app_celgenuserevent", "app_cdr", "app_chanspy", "app_bridgewait", "app_confbridge", "app_channelredirect", "res_speech", "res_agi",
    "func_base64", "func_callerid", "func_channel", "func_cut", "func_devstate", "func_global", "func_groupcount", "func_logic",
    "func_strings", "func_timeout", "func_uri", "func_uuid", "func_periodic_hook",
    # manager and records of calls
    "res_manager_devicestate", "res_cdrel_custom", "cdr_csv", "cel_custom",
)  # fmt: skip
"""Only what is used: a faster start and fewer holes. A module stands after those it needs."""

TLS_MODULES = ("res_srtp",)
PEER_MODULES = ("res_pjsip_outbound_authenticator_digest",)
OPUS_MODULES = ("res_format_attr_opus", "codec_opus_open_source")

EVENTS = (
    "AsyncAGIStart", "AsyncAGIExec", "AsyncAGIEnd", "DialBegin", "DialState", "DialEnd", "BridgeEnter", "BridgeLeave",
    "Hangup", "Hold", "Unhold", "DTMFEnd", "UserEvent",
)  # fmt: skip
"""The AMI events we read; Asterisk sends no others (51 kB a call become 8). Besides them, the device states of seats."""

EVENT_FILTERS = (
    *(f"eventfilter(action(include),name({name})) =" for name in EVENTS),
    "eventfilter(action(include),name(DeviceStateChange),header(Device),method(starts_with)) = PJSIP/",
    "eventfilter(action(exclude),name(DeviceStateChange),header(Device),method(exact)) = PJSIP/trunk",
    f"eventfilter(action(exclude),name(DeviceStateChange),header(Device),method(exact)) = PJSIP/{TRUNK}",
    f"eventfilter(action(exclude),name(DeviceStateChange),header(Device),method(starts_with)) = PJSIP/{peer_name('')}",
)

READ_CLASSES = "call,agi,dtmf,user,reporting"
WRITE_CLASSES = "call,agi,originate,reporting"
WRITE_TIMEOUT_MS = 5000

CEL_FIELDS = (
    "${eventtype}", "${eventtime}", "${CHANNEL(uniqueid)}", "${CHANNEL(linkedid)}", "${CHANNEL(channame)}",
    "${CHANNEL(exten)}", "${CHANNEL(context)}", "${CALLERID(num)}", "${CHANNEL(appname)}", "${CHANNEL(appdata)}",
    "${eventextra}", "${userdeftype}", "${CHANNEL(userfield)}",
)  # fmt: skip
CEL_EVENTS = "CHAN_START,CHAN_END,ANSWER,HANGUP,BRIDGE_ENTER,BRIDGE_EXIT,USER_DEFINED,LINKEDID_END"


def asterisk_conf(plan: Plan) -> str:
    """Return `asterisk.conf`. The section must not be `[directories](!)`: that is a template, and its paths are ignored."""
    dirs = plan.dirs
    paths = {
        "astetcdir": dirs.etc, "astvarlibdir": dirs.lib, "astdatadir": dirs.lib, "astdbdir": dirs.db, "astkeydir": dirs.keys,
        "astspooldir": dirs.spool, "astlogdir": dirs.log, "astagidir": dirs.lib / "agi-bin",
        "astcachedir": dirs.lib / "cache", "astsbindir": dirs.lib / "sbin",
    }  # fmt: skip
    told = {name: dirs.as_told(path) for name, path in paths.items()} | {
        "astmoddir": plan.modules_dir,
        "astrundir": dirs.run,
    }
    return document(
        "Where Asterisk keeps its files",
        section("directories", *(f"{name} = {path_value(path)}" for name, path in told.items())),
        section(
            "options",
            f"systemname = {plan.settings.asterisk.node}",
            f"maxfiles = {plan.open_files}",
            "live_dangerously = no",
            "documentation_language = en_US",
            "defaultlanguage = en",
            "transmit_silence = no",
            "hideconnect = yes",
            "nocolor = yes",
        ),
    )


def modules_conf(plan: Plan) -> str:
    """Return `modules.conf`: an explicit list."""
    sip = plan.settings.sip
    wanted = {TLS_MODULES: sip.tls, OPUS_MODULES: "opus" in sip.codecs, PEER_MODULES: plan.settings.asterisk.peers}
    names = (*MODULES, *(name for modules, needed in wanted.items() if needed for name in modules))
    return document("What is loaded", section("modules", "autoload = no", *(f"load = {name}.so" for name in names)))


def logger_conf(_plan: Plan) -> str:
    """Return `logger.conf`: one file, nothing on a console that nobody reads."""
    return document(
        "Logs",
        section("general", "dateformat = %F %T.%3q", "appendhostname = no", "use_callids = yes", "queue_log = no"),
        section("logfiles", "messages.log = notice,warning,error"),
    )


def manager_conf(plan: Plan) -> str:
    """Return `manager.conf`: one user with the least rights, from this machine only, and only the events we read."""
    ami = plan.settings.ami
    return document(
        "The manager port",
        section(
            "general",
            "enabled = yes",
            "webenabled = no",
            f"bindaddr = {ami.host}",
            f"port = {plan.ports.ami}",
            "displayconnects = no",
            "timestampevents = no",
            "authtimeout = 5",
            "authlimit = 20",
        ),
        section(
            ami.username,
            f"secret = {plan.ami_secret}",
            "deny = 0.0.0.0/0.0.0.0",
            "deny = ::/0",
            "permit = 127.0.0.0/255.0.0.0",
            "permit = ::1/128",
            f"permit = {ami.host}/{128 if ':' in ami.host else 32}",
            f"read = {READ_CLASSES}",
            f"write = {WRITE_CLASSES}",
            f"writetimeout = {WRITE_TIMEOUT_MS}",
            "displayconnects = no",
            "allowmultiplelogin = yes",
            *EVENT_FILTERS,
        ),
    )


def quiet_files() -> dict[str, str]:
    """Return the files that Asterisk looks for although nothing of them is used; without them its log starts with false errors."""
    nothing = document("Nothing to set")
    return {
        "acl.conf": nothing,
        "ccss.conf": document("Nothing to set", section("general")),
        "features.conf": document("No feature codes inside calls", section("general"), section("featuremap")),
        "geolocation.conf": nothing,
        "indications.conf": document(
            "Tones",
            section("general", "country = us"),
            section("us", "description = Tones", "ringcadence = 2000,4000", "dial = 350+440", "busy = 480+620/500,0/500",
                    "ring = 440+480/2000,0/4000", "congestion = 480+620/250,0/250"),
        ),
        "pjproject.conf": nothing,
        "queuerules.conf": nothing,
        "statsd.conf": document("Not used", section("general", "enabled = no")),
        "udptl.conf": document("Not used", section("general")),
    }  # fmt: skip


def rtp_conf(plan: Plan) -> str:
    """Return `rtp.conf`."""
    ports = plan.ports
    return document(
        "Media ports",
        section(
            "general",
            f"rtpstart = {ports.rtp_start}",
            f"rtpend = {ports.rtp_end}",
            "strictrtp = yes",
            "icesupport = no",
        ),
    )


def musiconhold_conf(plan: Plan) -> str:
    """Return `musiconhold.conf`: each class a directory of files."""
    classes = (
        section(name, "mode = files", f"directory = {path_value(path)}", "sort = random")
        for name, path in sorted(plan.music.items())
    )
    return document("Music while waiting", section("general", "cachertclasses = no"), *classes)


def cel_conf(_plan: Plan) -> str:
    """Return `cel.conf`. To a file only: with a frozen database behind it Asterisk stops taking calls."""
    return document("Which channel events are recorded", section("general", "enable = yes", f"events = {CEL_EVENTS}"))


def cel_custom_conf(plan: Plan) -> str:
    """Return `cel_custom.conf`: one quoted line per event."""
    fields = ",".join(f"${{CSV_QUOTE({name})}}" for name in CEL_FIELDS)
    return document("How channel events are written", section("mappings", f"{plan.dirs.cel_file.name} => {fields}"))


def cdr_conf(_plan: Plan) -> str:
    """Return `cdr.conf`: Asterisk's own record of calls, for comparison."""
    return document(
        "Asterisk's own call records",
        section("general", "enable = yes", "unanswered = no"),
        section("csv", "usegmtime = yes", "loguniqueid = yes", "loguserfield = no", "accountlogs = no"),
    )

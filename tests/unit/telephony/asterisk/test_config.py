"""The generated configuration: what must and must not stand in it."""

import re
from pathlib import Path

import pytest

from hotline.errors import Misuse
from hotline.settings import Ami, Asterisk, Number, Outbound, Seats, Settings, Sip
from hotline.settings.queues import Queue
from telephony.asterisk.config import core, dialplan, render
from telephony.asterisk.config.plan import check_secret, path_value
from tests.unit.telephony.asterisk.samples import peered, plan

PROVIDERS = {
    "Set": "", "Goto": "", "GotoIf": "", "ExecIf": "app_exec", "Answer": "", "Hangup": "", "AGI": "res_agi", "Dial": "app_dial",
    "Queue": "app_queue", "Playback": "app_playback", "Read": "app_read", "Record": "app_record", "MixMonitor": "app_mixmonitor",
    "StopMixMonitor": "app_mixmonitor", "UserEvent": "app_userevent", "CELGenUserEvent": "app_celgenuserevent",
    "ConfBridge": "app_confbridge",
    "Bridge": "", "BridgeWait": "app_bridgewait", "ChannelRedirect": "app_channelredirect",
    "Return": "app_stack", "MusicOnHold": "res_musiconhold", "Wait": "", "ChanSpy": "app_chanspy",
}  # fmt: skip
FUNCTIONS = {
    "UUID": "func_uuid", "CALLERID": "func_callerid", "LEN": "func_strings", "GROUP": "func_groupcount",
    "GROUP_COUNT": "func_groupcount", "GLOBAL": "func_global", "ISNULL": "func_logic", "IF": "func_logic",
    "TIMEOUT": "func_timeout", "CHANNEL": "func_channel", "FILTER": "func_strings", "FIELDQTY": "func_strings",
    "CUT": "func_cut", "PJSIP_HEADER": "res_pjsip_header_funcs", "BASE64_ENCODE": "func_base64", "URIDECODE": "func_uri",
    "MASTER_CHANNEL": "func_channel", "CHANNEL_EXISTS": "func_channel",
    "ARRAY": "func_strings", "DEVICE_STATE": "func_devstate", "BASE64_DECODE": "func_base64",
}  # fmt: skip


def dialplan_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("exten", "same"))]


def test_the_same_plan_gives_the_same_bytes() -> None:
    assert render(plan()) == render(plan())


def test_directories_is_no_template_and_points_below_the_data_directory() -> None:
    text = render(plan(Path("/srv/data")))["asterisk.conf"]
    assert "[directories]\n" in text
    paths = dict(re.findall(r"^(ast\w+) = (.*)$", text, re.MULTILINE))
    assert paths.pop("astmoddir") == "/opt/modules"
    assert all(p.startswith("/srv/data/asterisk/") for p in paths.values())
    assert len(paths) == 11
    assert "live_dangerously = no" in text


def test_modules_are_an_explicit_list_without_doubles() -> None:
    text = render(plan())["modules.conf"]
    assert "autoload = no" in text
    loaded = re.findall(r"^load = (\S+)\.so$", text, re.MULTILINE)
    assert len(loaded) == len(set(loaded))
    assert not [m for m in loaded if m in ("app_system", "func_shell", "res_ari", "pbx_spool", "app_originate")]


def test_no_phone_may_transfer_by_itself() -> None:
    text = render(plan())["pjsip.conf"]
    endpoints = text.count("type = endpoint")
    assert text.count("allow_transfer = no") == endpoints > 1


@pytest.mark.parametrize("settings", [Settings(), peered()])
def test_every_application_and_function_of_the_dialplan_is_loaded(settings: Settings) -> None:
    text = render(plan(settings=settings))["extensions.conf"]
    for line in dialplan_lines(text):
        step = re.sub(r"^(exten = [^,]+,1,|same = n(\(\w+\))?,)", "", line)
        module = PROVIDERS[step.split("(")[0]]
        assert not module or module in core.MODULES, line
    for name in set(re.findall(r"\b([A-Z_0-9]{2,})\(", text)) - {"AGI"}:
        assert FUNCTIONS[name] in core.MODULES, name


@pytest.mark.parametrize("settings", [Settings(), peered()])
def test_edge_contexts_have_only_fixed_extensions(settings: Settings) -> None:
    text = render(plan(settings=settings))["extensions.conf"]
    inside = re.sub(r"(?ms)^\[hotline-(?:member|supervise-)[^\n]*\].*?(?=^\[|\Z)", "", text)  # dialled by us alone
    names = {
        m
        for line in inside.splitlines()
        if (m := line.removeprefix("exten = ").split(",")[0]) and line.startswith("exten")
    }
    assert not [n for n in names if n.startswith("_") or "!" in n or "." in n]


def test_the_trunk_knows_the_numbers_and_nothing_else() -> None:
    settings = Settings(numbers={"a": Number(number="4000", flow="main"), "b": Number(number="8001", flow="other")})
    text = render(plan(settings=settings))["extensions.conf"]
    trunk = text.split("[hotline-trunk]")[1].split("\n[")[0]
    assert re.findall(r"^exten = (\S+),1,", trunk, re.MULTILINE) == ["4000", "8001"]


def test_seats_have_all_feature_codes() -> None:
    text = render(plan())["extensions.conf"]
    seat = text.split("[hotline-seat]")[1].split("\n[")[0]
    codes = set(re.findall(r"^exten = \*(\d+),1,", seat, re.MULTILINE))
    assert codes == {"41", "42", "43", "44", "45", *(f"4{k}{n}" for k in (3, 6) for n in range(1, 10))}


def test_every_word_of_a_feature_answer_has_a_sound() -> None:
    from typing import get_args, get_type_hints

    from hotline.commands import AnswerFeature

    assert set(dialplan.FEATURE_SOUNDS) == set(get_args(get_type_hints(AnswerFeature)["sound"]))


def test_every_asyncagi_has_a_lease_and_a_way_out() -> None:
    text = render(plan())["extensions.conf"]
    for context in ("hotline-arrive", "hotline-ring", "hotline-back", "hotline-feature"):
        body = text.split(f"[{context}]")[1].split("\n[")[0]
        assert body.index("TIMEOUT(absolute)=") < body.index("AGI(agi:async")
        assert "exten = T,1,Goto(" in body


def test_the_lease_is_cleared_before_a_bridge() -> None:
    text = render(plan())["extensions.conf"]
    for context, bridge in (("hotline-ring", "Dial("), ("hotline-fallback", "Queue(")):
        body = text.split(f"[{context}]")[1].split("\n[")[0]
        assert body.index("TIMEOUT(absolute)=0") < body.index(bridge)


def test_lease_heartbeat_and_limit_come_from_the_settings() -> None:
    settings = Settings(asterisk=Asterisk(lease_s=7.5, heartbeat_stale_s=9, max_calls=77))
    text = render(plan(settings=settings))["extensions.conf"]
    assert "TIMEOUT(absolute)=7.5" in text
    assert ") > 9 | (" in text
    assert ") < -9]" in text
    assert "> 77]?full" in text


def test_the_trunk_is_known_by_its_address_and_seats_by_their_password() -> None:
    text = render(plan())["pjsip.conf"]
    assert "match = 127.0.0.2/32" in text
    assert "bind = 127.0.0.1:5060" in text
    for seat in ("1001", "1002", "1003"):
        assert f'[{seat}](seat)\nauth = {seat}\naors = {seat}\ncallerid = "" <{seat}>' in text
        assert f"username = {seat}\npassword = password-of-{seat}" in text
    assert text.count("trust_id_inbound = no") == 2
    assert "anonymous" not in text


def test_there_is_an_outgoing_trunk_only_where_the_settings_name_one() -> None:
    assert "hotline-out" not in render(plan())["pjsip.conf"]
    settings = Settings(outbound=Outbound(trunk="192.0.2.7:5080", caller_number="02161234567"))
    text = render(plan(settings=settings))["pjsip.conf"]
    endpoint = text.split("[hotline-out]")[1]
    assert "from_user = 02161234567" in endpoint
    assert "contact = sip:192.0.2.7:5080" in text
    assert "[hotline-nowhere]" not in render(plan(settings=settings))["extensions.conf"]


def test_the_outgoing_trunk_identifies_nobody_and_asks_for_no_registration() -> None:
    text = render(plan(settings=Settings(outbound=Outbound(trunk="192.0.2.7:5080"))))["pjsip.conf"]
    assert text.count("type = identify") == 1
    assert "match = 192.0.2.7" not in text
    assert "type = registration" not in text
    assert "from_user = hotline\n" in text


def dialplan_context(text: str, name: str) -> str:
    return text.split(f"[{name}]")[1].split("\n[")[0]


@pytest.mark.parametrize(("context", "way_out"), [("hotline-ring", "?back)"), ("hotline-inside", "?busy)")])
def test_no_phone_in_use_is_rung(context: str, way_out: str) -> None:
    body = dialplan_context(render(plan())["extensions.conf"], context)
    condition = '"${DEVICE_STATE(PJSIP/${HOTLINE_SEAT})}" =~ "^(BUSY|INUSE|ONHOLD|RINGING|RINGINUSE)$"]' + way_out
    assert body.index(condition) < body.index("Dial(")


def test_a_house_of_one_node_knows_nothing_of_others() -> None:
    files = render(plan())
    assert "peer" not in files["pjsip.conf"] + files["extensions.conf"] + files["modules.conf"]


def test_a_peer_is_known_by_its_name_and_a_secret_in_both_directions() -> None:
    text = render(plan(settings=peered()))["pjsip.conf"]
    sections = re.findall(r"^\[(peer-\S+)\]\n((?:.+\n)+)", text, re.MULTILINE)
    assert [name for name, _ in sections] == ["peer-b", "peer-b", "peer-b-out", "peer-b"]
    endpoint, theirs, ours, aor = (dict(re.findall(r"^(\S+) = (.*)$", body, re.MULTILINE)) for _, body in sections)
    assert (endpoint["context"], endpoint["identify_by"], endpoint["from_user"]) == (
        "hotline-peer",
        "username",
        "peer-a",
    )
    assert (endpoint["auth"], endpoint["outbound_auth"], endpoint["aors"]) == ("peer-b", "peer-b-out", "peer-b")
    assert (endpoint["trust_id_inbound"], endpoint["callerid"], endpoint["allow"]) == ("no", '"" <0>', "ulaw,alaw")
    assert (theirs["username"], ours["username"]) == ("peer-b", "peer-a")
    assert theirs["password"] == ours["password"] == "secret-of-a-and-b"
    assert (aor["contact"], aor["qualify_frequency"]) == ("sip:192.0.2.2:5070", "5")
    assert "res_pjsip_outbound_authenticator_digest.so" in render(plan(settings=peered()))["modules.conf"]


def test_a_peer_may_dial_seats_and_nothing_else() -> None:
    text = render(plan(settings=peered()))["extensions.conf"]
    assert re.findall(r"^exten = (\S+),1,", dialplan_context(text, "hotline-peer"), re.MULTILINE) == ["1001", "1002"]
    rung = dialplan_context(text, "hotline-peer-ring")
    assert "HOTLINE_CALL" not in rung
    assert "UserEvent" not in rung
    assert rung.index("?busy)") < rung.index("Dial(") < rung.index("Hangup(")


def test_only_seats_of_other_nodes_are_told_who_calls() -> None:
    ring = dialplan_context(render(plan(settings=peered()))["extensions.conf"], "hotline-ring")
    here, there = re.findall(r"Dial\((.*)\)$", ring, re.MULTILINE)
    assert "hotline-peer-out" not in here
    assert (
        there
        == here
        + "b(hotline-peer-out^s^1(${HOTLINE_SECONDS}^${FILTER(0-9+*#,${CALLERID(num)})}^${BASE64_ENCODE(:${CALLERID(name)})}))"
    )


def test_an_ipv6_peer_is_bracketed() -> None:
    assert "contact = sip:[2001:db8::7]:5070" in render(plan(settings=peered(host="2001:db8::7")))["pjsip.conf"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"host": "b.example"}, "host of b"),
        ({"host": "0.0.0.0"}, "host of b"),
        ({"host": "127.0.0.2"}, "from where callers come"),
        ({"port": 0}, "port of b"),
        ({"secret": "short"}, "secret of b"),
        ({"secret": "with;semicolon-123"}, "secret of b"),
        ({"node": "b:1"}, "asterisk.peers: 'b:1'"),
        ({"node": "b" * 60}, "asterisk.peers: 'bbb"),
    ],
)
def test_a_peer_that_means_something_else_to_asterisk_is_refused(changes: dict[str, object], why: str) -> None:
    with pytest.raises(Misuse, match=re.escape(why)):
        plan(settings=peered(**changes))


def test_states_of_peers_are_not_told() -> None:
    assert (
        "eventfilter(action(exclude),name(DeviceStateChange),header(Device),method(starts_with)) = PJSIP/peer-\n"
        in render(plan())["manager.conf"]
    )


def test_the_manager_listens_where_told_with_least_rights() -> None:
    text = render(plan())["manager.conf"]
    assert "bindaddr = 127.0.0.1\nport = 5038" in text
    assert "webenabled = no" in text
    assert "deny = 0.0.0.0/0.0.0.0" in text
    rights = dict(re.findall(r"^(read|write) = (.*)$", text, re.MULTILINE))
    assert not {"system", "command", "config", "all", "dialplan"} & set(",".join(rights.values()).split(","))
    assert text.count("eventfilter(action(include)") == 14


def test_fallback_members_are_the_named_seats_or_all() -> None:
    everybody = render(plan())["queues.conf"]
    assert everybody.count("member => ") == 3
    some = Settings(seats=Seats(count=3), asterisk=Asterisk(fallback_seats=("1002",)))
    assert re.findall(r"member => PJSIP/(\d+)", render(plan(settings=some))["queues.conf"]) == ["1002"]


def test_each_music_class_has_its_directory() -> None:
    settings = Settings(queues=(Queue(id="q", music_class="jazz"),))
    text = render(plan(settings=settings, music={"default": Path("/m/a"), "jazz": Path("/m/b;c")}))["musiconhold.conf"]
    assert "[jazz]\nmode = files\ndirectory = /m/b\\;c\n" in text


def test_cel_quotes_every_field() -> None:
    text = render(plan())["cel_custom.conf"]
    assert text.count("CSV_QUOTE(") == len(core.CEL_FIELDS) == 13


def test_tls_and_opus_only_when_asked_for() -> None:
    plain = render(plan())
    assert "tls" not in plain["pjsip.conf"]
    assert "opus" not in plain["modules.conf"]
    rich = render(plan(settings=Settings(sip=Sip(tls=True, codecs=("opus", "ulaw")))))
    assert "protocol = tls\nbind = 127.0.0.1:5061" in rich["pjsip.conf"]
    assert "res_srtp.so" in rich["modules.conf"]
    assert "codec_opus" in rich["modules.conf"]


def test_ipv6_addresses_are_bracketed() -> None:
    settings = Settings(sip=Sip(host="::1", trunk_from="2001:db8::/64"), ami=Ami(host="::1"))
    files = render(plan(settings=settings))
    assert "bind = [::1]:5060" in files["pjsip.conf"]
    assert "match = 2001:db8::/64" in files["pjsip.conf"]
    assert "permit = ::1/128" in files["manager.conf"]


@pytest.mark.parametrize(
    "settings",
    [
        Settings(sip=Sip(host="localhost")),
        Settings(sip=Sip(host="127.0.0.1\nexten=s")),
        Settings(sip=Sip(trunk_from="gateway.example")),
        Settings(ami=Ami(host="0.0.0.0")),
        Settings(ami=Ami(username="a]\n[b")),
        Settings(outbound=Outbound(trunk="gateway.example:5060")),
        Settings(outbound=Outbound(trunk="192.0.2.7:0")),
        Settings(outbound=Outbound(trunk="192.0.2.7:99999")),
    ],
)
def test_values_that_mean_something_to_asterisk_are_refused(settings: Settings) -> None:
    with pytest.raises(Misuse):
        plan(settings=settings)


@pytest.mark.parametrize(
    "secret", ["", "short", "aaaaaaaaaaaaaaaa", "with;semicolon-123", "line\nend-of-secret", "blank in-secret-1"]
)
def test_weak_or_dangerous_secrets_are_refused(secret: str) -> None:
    with pytest.raises(Misuse):
        check_secret("ami.secret", secret)
    with pytest.raises(Misuse):
        plan(ami_secret=secret)


def test_a_seat_without_a_password_is_refused() -> None:
    with pytest.raises(Misuse, match="seat 1001 has no password"):
        plan(seat_passwords={})


@pytest.mark.parametrize("path", ["/a\nb", "/a\x00b", "relative", "/" + "x" * 1000])
def test_paths_that_cannot_be_written_down_are_refused(path: str) -> None:
    with pytest.raises(Misuse):
        path_value(Path(path))


def test_a_semicolon_in_a_path_is_no_comment() -> None:
    assert path_value(Path("/a;b")) == r"/a\;b"


def test_a_plan_does_not_show_its_secrets() -> None:
    assert "s3cret" not in repr(plan())
    assert "password-of" not in repr(plan())

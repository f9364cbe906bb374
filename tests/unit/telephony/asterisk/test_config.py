"""The generated configuration: what must and must not stand in it."""

import re
from pathlib import Path

import pytest

from hotline.errors import Misuse
from hotline.settings import Ami, Asterisk, Number, Queue, Seats, Settings, Sip
from telephony.asterisk.config import core, dialplan, render
from telephony.asterisk.config.plan import check_secret, path_value
from tests.unit.telephony.asterisk.samples import plan

PROVIDERS = {
    "Set": "", "Goto": "", "GotoIf": "", "ExecIf": "app_exec", "Answer": "", "Hangup": "", "AGI": "res_agi", "Dial": "app_dial",
    "Queue": "app_queue", "Playback": "app_playback", "Record": "app_record", "MixMonitor": "app_mixmonitor",
    "StopMixMonitor": "app_mixmonitor", "UserEvent": "app_userevent", "CELGenUserEvent": "app_celgenuserevent",
}  # fmt: skip
FUNCTIONS = {
    "UUID": "func_uuid", "CALLERID": "func_callerid", "LEN": "func_strings", "GROUP": "func_groupcount",
    "GROUP_COUNT": "func_groupcount", "GLOBAL": "func_global", "ISNULL": "func_logic", "IF": "func_logic",
    "TIMEOUT": "func_timeout", "CHANNEL": "func_channel", "FILTER": "func_strings", "FIELDQTY": "func_strings",
    "CUT": "func_cut", "PJSIP_HEADER": "res_pjsip_header_funcs", "BASE64_ENCODE": "func_base64", "URIDECODE": "func_uri",
    "ARRAY": "func_strings",
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
    assert not [
        m
        for m in loaded
        if m in ("app_system", "func_shell", "res_ari", "pbx_spool", "app_originate", "res_pjsip_refer")
    ]


def test_every_application_and_function_of_the_dialplan_is_loaded() -> None:
    text = render(plan())["extensions.conf"]
    for line in dialplan_lines(text):
        step = re.sub(r"^(exten = [^,]+,1,|same = n(\(\w+\))?,)", "", line)
        module = PROVIDERS[step.split("(")[0]]
        assert not module or module in core.MODULES, line
    for name in set(re.findall(r"\b([A-Z_0-9]{2,})\(", text)) - {"AGI"}:
        assert FUNCTIONS[name] in core.MODULES, name


def test_edge_contexts_have_only_fixed_extensions() -> None:
    text = render(plan())["extensions.conf"]
    names = {
        m
        for line in text.splitlines()
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
    assert codes == {"41", "42", "43", "44", "45", *(f"43{n}" for n in range(1, 10))}


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


def test_the_manager_listens_where_told_with_least_rights() -> None:
    text = render(plan())["manager.conf"]
    assert "bindaddr = 127.0.0.1\nport = 5038" in text
    assert "webenabled = no" in text
    assert "deny = 0.0.0.0/0.0.0.0" in text
    rights = dict(re.findall(r"^(read|write) = (.*)$", text, re.MULTILINE))
    assert not {"system", "command", "config", "all", "dialplan"} & set(",".join(rights.values()).split(","))
    assert text.count("eventfilter(action(include)") == 12


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
    assert text.count("CSV_QUOTE(") == len(core.CEL_FIELDS) == 12


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

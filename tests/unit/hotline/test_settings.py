"""Settings: file below environment below overrides; every mistake in one message, no secret in it."""

from pathlib import Path

import pytest

from hotline.errors import Misuse
from hotline.settings import Settings, load


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def file(text: str) -> Path:
    path = Path("site.toml")
    path.write_text(text)
    return path


def mistakes(text: str) -> str:
    with pytest.raises(Misuse) as caught:
        load(file(text))
    return str(caught.value)


def test_without_a_file_the_defaults_hold() -> None:
    settings = load()
    assert settings == Settings()
    assert len(settings.all_agents()) == settings.seats.count
    assert settings.thresholds_s() == (5.0, 30.0)


def test_the_file_in_the_working_directory_is_read() -> None:
    Path("hotline.toml").write_text("[http]\nport = 8123\n")
    assert load().http.port == 8123


def test_environment_wins_over_the_file_and_overrides_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    path = file("data_dir = 'file'\n[http]\nport = 1\nhost = '127.0.0.9'\n")
    monkeypatch.setenv("HOTLINE_HTTP__PORT", "2")
    monkeypatch.setenv("HOTLINE_DATA_DIR", "env")
    settings = load(path, data_dir=Path("override"))
    assert (settings.http.port, settings.http.host, settings.data_dir) == (2, "127.0.0.9", Path("override"))


def test_all_mistakes_are_told_at_once_with_what_was_found() -> None:
    told = mistakes("nonsense = 1\n[http]\nport = 99999\nhots = 'x'\n[seats]\ncount = 0\n")
    for part in ("nonsense", "http.port", "99999", "http.hots", "seats.count"):
        assert part in told
    assert len(told.splitlines()) == 4


def test_all_wrong_references_are_told_a_line_each() -> None:
    told = mistakes(
        "[[queues]]\nid = 'a'\n[[queues]]\nid = 'a'\n[[agents]]\nid = 'x'\nextension = '1'\nqueues = ['b']\n"
        "[numbers.hotline]\nnumber = '1001'\nflow = 'main'\n[sip]\nhost = '0.0.0.0'\n"
    )
    for part in ("queues: a stands twice", "sits at 1", "serves b", "1001 is also a seat", "sip.host"):
        assert part in told
    assert len(told.splitlines()) == 5


def test_peers_must_be_other_nodes_each_named_once() -> None:
    peer = "[[asterisk.peers]]\nnode = '{}'\nhost = '192.0.2.{}'\nsecret = 'secret-of-two-nodes'\n"
    told = mistakes("".join(peer.format(node, host) for node, host in [("node1", 1), ("b", 2), ("b", 3), ("c", 3)]))
    for part in ("peers: node1 is this node itself", "peers: b stands twice", "addresses: 192.0.2.3:5060 stands twice"):
        assert part in told
    assert len(told.splitlines()) == 3


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[sip]\nhost = '127.0.0.2'", "sip.trunk_from"),
        ("[sip]\nrtp_start = 20000\nrtp_end = 10000", "sip.rtp_end"),
        ("[asterisk]\nfallback_seats = ['1']", "fallback_seats"),
        ("[ivr]\ntimezone = 'Mars/Olympus'", "ivr.timezone"),
        ("[ivr]\ntimezone = '../../etc/passwd'", "ivr.timezone"),
        ("break_reasons = []", "break_reasons"),
        (f"break_reasons = {['x'] * 10}", "break_reasons"),
        ("[asterisk]\nnode = 'a b'", "asterisk.node"),
        ("[numbers.x]\nnumber = '4_0'\nflow = 'main'", "numbers.x.number"),
        ("[[numbers]]\nnumber = '1'", "numbers"),
        ("x = ", "not valid TOML"),
    ],
)
def test_a_mistake_names_its_place(text: str, part: str) -> None:
    assert part in mistakes(text)


def test_no_secret_stands_in_a_message() -> None:
    told = mistakes("[ami]\nsecret = 12345678\n[database]\ndsn = 87654321\npool_size = 0\n")
    assert "ami.secret" in told
    assert "12345678" not in told
    assert "87654321" not in told


def test_secrets_do_not_print() -> None:
    assert "hunter2" not in repr(load(file("[ami]\nsecret = 'hunter2'\n")))


def test_a_misspelt_variable_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_HTTP__PROT", "1")
    with pytest.raises(Misuse, match="prot"):
        load()


def test_a_file_that_is_missing_or_no_text_is_misuse() -> None:
    with pytest.raises(Misuse, match="no file"):
        load(Path("none.toml"))
    Path("bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(Misuse, match="not valid TOML"):
        load(Path("bytes.toml"))


def test_a_file_that_cannot_be_read_is_misuse(monkeypatch: pytest.MonkeyPatch) -> None:
    path = file("")

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(Misuse, match="Permission denied"):
        load(path)


def test_settings_do_not_change() -> None:
    with pytest.raises(Exception, match="frozen"):
        load().http.port = 1

"""Secrets: made once, kept private, never weak."""

import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from hotline.errors import Misuse, Unavailable
from hotline.secrets import FILE, load_or_create
from telephony.asterisk.config.plan import check_secret


def test_secrets_are_made_once_and_kept_private(tmp_path: Path) -> None:
    data_dir = tmp_path / "new"
    first = load_or_create(data_dir, ["1001", "1002"])
    assert load_or_create(data_dir, ["1001", "1002"]) == first
    assert (data_dir / FILE).stat().st_mode & 0o777 == 0o600
    values = [first.admin_password, first.api_token, first.ami_secret, *first.seats.values()]
    assert len(set(values)) == 5
    assert min(map(len, values)) >= 20


def test_new_seats_get_passwords_and_old_ones_keep_theirs(tmp_path: Path) -> None:
    first = load_or_create(tmp_path, ["1001"])
    second = load_or_create(tmp_path, ["1001", "1002"])
    assert second.seats["1001"] == first.seats["1001"]
    assert second.api_token == first.api_token
    assert load_or_create(tmp_path, ["1001"]).seats["1002"] == second.seats["1002"]


@pytest.mark.parametrize("weak", ["", "hotline", "admin123admin", "aaaaaaaaaaaaaaaa", "password-123"])
@pytest.mark.parametrize("name", ["admin_password", "api_token", "ami_secret", "seats"])
def test_a_weak_secret_in_the_file_is_refused_by_name(tmp_path: Path, name: str, weak: str) -> None:
    load_or_create(tmp_path, ["1001"])
    kept = json.loads((tmp_path / FILE).read_text())
    kept[name] = {"1001": weak} if name == "seats" else weak
    (tmp_path / FILE).write_text(json.dumps(kept))
    with pytest.raises(Misuse, match=name):
        load_or_create(tmp_path, ["1001"])


@pytest.mark.parametrize("text", ["", "[]", '{"seats": 3}', '{"api_token": 7}', "{"])
def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    load_or_create(tmp_path, [])
    (tmp_path / FILE).write_text(text)
    with pytest.raises(Misuse, match="damaged"):
        load_or_create(tmp_path, [])
    assert (tmp_path / FILE).read_text() == text


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    load_or_create(tmp_path, [])
    (tmp_path / FILE).chmod(0o644)
    with pytest.raises(Misuse, match="chmod 600"):
        load_or_create(tmp_path, [])


def test_a_directory_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot keep secrets"):
        load_or_create(tmp_path / "file" / "data", [])


def test_secrets_do_not_show_themselves(tmp_path: Path) -> None:
    secrets = load_or_create(tmp_path, ["1001"])
    assert secrets.api_token not in repr(secrets)
    assert secrets.seats["1001"] not in repr(secrets)


def test_nodes_with_the_same_secret_give_a_seat_the_same_password(tmp_path: Path) -> None:
    secret = SecretStr("what-all-nodes-share-1")
    here = load_or_create(tmp_path / "a", ["1001", "1002"], secret)
    there = load_or_create(tmp_path / "b", ["1001", "1002", "1003"], secret)
    assert here.seats == {e: there.seats[e] for e in ("1001", "1002")}
    assert here.api_token != there.api_token
    for extension, password in there.seats.items():
        assert check_secret(extension, password) == password
        assert len(password) >= 16
    assert len(set(there.seats.values())) == 3


def test_a_password_follows_from_the_secret_and_the_seat_for_ever(tmp_path: Path) -> None:
    secrets = load_or_create(tmp_path, ["1001"], SecretStr("what-all-nodes-share-1"))
    assert secrets.seats == {"1001": "KeWb6NXpSD62PPTBFK4Il9CW"}


def test_passwords_drawn_by_lot_are_kept_while_a_secret_rules_and_count_again_without_it(tmp_path: Path) -> None:
    drawn = load_or_create(tmp_path, ["1001"])
    assert load_or_create(tmp_path, ["1001"], SecretStr("what-all-nodes-share-1")).seats != drawn.seats
    assert load_or_create(tmp_path, ["1001"]) == drawn


@pytest.mark.parametrize("weak", ["", "short", "password-123", "aaaaaaaaaaaaaaaaaa"])
def test_a_weak_secret_of_the_seats_is_refused(tmp_path: Path, weak: str) -> None:
    with pytest.raises(Misuse, match=r"seats\.secret"):
        load_or_create(tmp_path, ["1001"], SecretStr(weak))

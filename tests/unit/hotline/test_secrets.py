"""Secrets: made once, kept private, never weak."""

import json
from pathlib import Path

import pytest

from hotline.errors import Misuse, Unavailable
from hotline.secrets import FILE, load_or_create


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

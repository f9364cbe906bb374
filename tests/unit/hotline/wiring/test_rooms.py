"""Which services can live in one process, and what a part of the hotline needs."""

import pytest

from hotline.errors import Misuse
from hotline.settings import Settings
from hotline.wiring.rooms import ALL, Rooms

BROKER = {"bus": {"kind": "rabbitmq", "url": "amqp://a:b@127.0.0.1/"}, "database": {"dsn": "postgresql://x/y"}}


def refusal(*names: str, **settings: object) -> str:
    with pytest.raises(Misuse) as refused:
        Rooms(names, Settings(**settings))  # type: ignore[arg-type] # the settings check themselves
    return str(refused.value)


def test_all_services_need_no_broker() -> None:
    assert Rooms(ALL, Settings()).whole


def test_forecasts_may_be_left_out_and_it_is_a_hotline_by_itself_all_the_same() -> None:
    rooms = Rooms([name for name in ALL if name != "forecast"], Settings())
    assert rooms.whole
    assert rooms.process(Settings()) == "node1"
    assert "forecast" not in rooms


def test_nothing_else_may_be_left_out() -> None:
    for left_out in (name for name in ALL if name not in ("forecast", "telephony")):
        assert "bus.kind" in refusal(*(name for name in ALL if name != left_out))


def test_the_order_and_repetitions_do_not_matter() -> None:
    rooms = Rooms(["ivr", "telephony", "ivr"], Settings(**BROKER))  # type: ignore[arg-type]
    assert rooms.names == ("telephony", "ivr")
    assert "ivr" in rooms
    assert "acd" not in rooms


def test_an_unknown_service_is_named_with_those_that_exist() -> None:
    assert refusal("telephony", "asr") == f"there is no service 'asr'; there are: {' '.join(ALL)}"


def test_no_service_at_all_is_refused() -> None:
    assert refusal().startswith("name at least one service")


@pytest.mark.parametrize("name", ["ivr", "recorder"])
def test_what_uses_files_of_asterisk_lives_beside_it(name: str) -> None:
    assert "in one process with telephony" in refusal(name, "acd", **BROKER)


def test_a_part_needs_a_broker() -> None:
    assert "bus.kind" in refusal("acd", database=BROKER["database"])


def test_a_part_without_the_database_service_must_know_the_database() -> None:
    assert refusal("acd", bus=BROKER["bus"]).startswith("database.dsn")
    assert Rooms(["crm"], Settings(bus=BROKER["bus"])).names == ("crm",)  # type: ignore[arg-type]


def test_the_name_of_a_process_tells_what_runs_in_it() -> None:
    settings = Settings(**BROKER)  # type: ignore[arg-type]
    assert Rooms(ALL, settings).process(settings) == "node1"
    assert Rooms(["acd"], settings).process(settings) == "node1.acd"
    assert Rooms(["forecast", "crm"], settings).process(settings) == "node1.crm-forecast"
    named = Settings(**{**BROKER, "bus": {**BROKER["bus"], "process": "router-b"}})  # type: ignore[arg-type]
    assert Rooms(["acd"], named).process(named) == "router-b"

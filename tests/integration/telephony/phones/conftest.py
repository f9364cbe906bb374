"""What synthetic phones connect to; each module opens a `house` of its own."""

import pytest

from telephony.phones.program import find_sipp
from telephony.phones.sipp import Exchange
from tests.integration.telephony.asterisk.house import House


@pytest.fixture
def exchange(house: House) -> Exchange:
    command, environment = find_sipp(print)
    host, port = house.sip
    return Exchange(sipp=command, env=environment, host=host, port=port)

"""Every fact and every command comes back from the wire as it was."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hotline.codec import COMMANDS, FACTS, Undecodable, decode, decode_command, encode, encode_command
from hotline.facts import Envelope
from hotline.ids import FactId
from tests.support.record_samples import anything


@pytest.mark.parametrize("name", sorted(FACTS))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_fact_comes_back(name: str, data: st.DataObject) -> None:
    fact = data.draw(anything(FACTS[name]))
    seq = data.draw(st.integers(0, 2**63 - 1))
    envelope = Envelope(fact_id=FactId(data.draw(st.text())), source=data.draw(st.text()), seq=seq, fact=fact)
    assert decode(encode(envelope)) == envelope


@pytest.mark.parametrize("name", sorted(COMMANDS))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_command_comes_back(name: str, data: st.DataObject) -> None:
    command = data.draw(anything(COMMANDS[name]))
    assert decode_command(encode_command(command)) == command


@settings(max_examples=200, deadline=None)
@given(data=st.binary() | st.recursive(st.none() | st.text(), st.lists).map(repr).map(str.encode))
def test_no_bytes_do_worse_than_be_refused(data: bytes) -> None:
    for read in (decode, decode_command):
        with pytest.raises(Undecodable):
            read(data)

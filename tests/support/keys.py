"""Keys pressed at a synthetic phone, and what follows in the running hotline."""

from telephony.phones.call import PhoneCall
from tests.support.running import Running
from tests.support.wait import eventually


async def press(house: Running, number: str, phone: PhoneCall, keys: str, follows: str) -> None:
    """Press keys, and once more as people do when nothing follows (a phone that is just led elsewhere may lose them)."""

    async def has_followed() -> bool:
        call = await house.call_of(number)
        return [f["type"] for f in await house.facts(call["call_id"])].count(follows) > before

    before = [f["type"] for f in await house.facts((await house.call_of(number))["call_id"])].count(follows)
    for _ in range(3):
        await phone.press(keys)
        try:
            await eventually(has_followed, within_s=4.0, what=f"{follows} after {keys}")
        except AssertionError:
            continue
        return
    raise AssertionError(f"{keys} did nothing")

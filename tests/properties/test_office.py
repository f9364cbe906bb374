"""Whatever happens to processes, database and broker: nodes obey one router per term, and soon after the last fault there is one."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.office_world import SILENT_S, WITHIN_S, World

NAMES = ("A", "B", "C")
who = st.sampled_from(NAMES)
seconds = st.sampled_from((0.1, 0.3, 0.7, 1.2, 2.0, 4.0))

faults = st.one_of(
    st.tuples(st.sampled_from(("start", "kill", "freeze", "thaw")), who),
    st.tuples(st.just("cut_off"), who, st.booleans()),
    st.tuples(st.just("freeze_broker"), seconds),
    st.tuples(st.just("become"), st.sampled_from(("up", "frozen", "down"))),
)
story = st.lists(st.tuples(faults, seconds), max_size=20)
seeds = st.integers(0, 2**16)


def happen(world: World, fault: tuple[object, ...]) -> None:
    word, *more = fault
    getattr(world, str(word))(*more)


@settings(max_examples=120, deadline=None)
@given(seed=seeds, faults=story)
def test_there_is_one_router_whom_nodes_obey(seed: int, faults: list[tuple[tuple[object, ...], float]]) -> None:
    world = World(seed)
    for name in NAMES:
        world.start(name)
    for fault, then_s in faults:
        happen(world, fault)
        world.pass_time(then_s)
    world.heal()
    world.pass_time(WITHIN_S)
    (active,) = world.active()
    assert world.database.terms[world.processes[active].begun - 1] == active
    assert len(world.database.terms) == world.processes[active].begun
    done = len(world.obeyed)
    world.pass_time(1.0)
    assert {router for _, router in world.obeyed[done:]} == {active}
    assert world.active() == [active]


harmless = st.one_of(
    st.tuples(st.just("freeze_broker"), seconds),
    st.tuples(st.just("become"), st.sampled_from(("up", "frozen", "down"))),
    st.tuples(st.sampled_from(("freeze", "thaw", "kill", "start")), st.sampled_from(("B", "C"))),
)


@settings(max_examples=120, deadline=None)
@given(seed=seeds, faults=st.lists(st.tuples(harmless, seconds), max_size=20))
def test_a_router_that_lives_keeps_its_office_whatever_happens_to_the_rest(
    seed: int, faults: list[tuple[tuple[object, ...], float]]
) -> None:
    world = World(seed, lost=0.0)
    world.start("A")
    world.pass_time(0.5)
    for name in ("B", "C"):
        world.start(name)
    world.pass_time(SILENT_S)
    for fault, then_s in faults:
        happen(world, fault)
        world.pass_time(then_s)
        assert world.active() == ["A"]
    world.heal()
    world.pass_time(WITHIN_S)
    assert (world.active(), world.takeovers) == (["A"], 1)


@settings(max_examples=60, deadline=None)
@given(seed=seeds, end=st.sampled_from(("kill", "freeze")), standbys=st.integers(1, 2))
def test_a_router_that_dies_or_freezes_is_replaced_within_three_seconds(seed: int, end: str, standbys: int) -> None:
    world = World(seed, NAMES[: standbys + 1])
    world.start("A")
    world.pass_time(0.5)
    for name in NAMES[1 : standbys + 1]:
        world.start(name)
    world.pass_time(3.0)
    assert world.active() == ["A"]
    happen(world, (end, "A"))
    obeyed = len(world.obeyed)
    world.pass_time(3.0)
    assert world.takeovers == 2
    assert {router for _, router in world.obeyed[obeyed:]} - {"A"}
    before = len([r for _, r in world.obeyed if r == "A"])
    if end == "freeze":
        world.thaw("A")
    world.pass_time(5.0)
    assert len([r for _, r in world.obeyed if r == "A"]) - before <= 1  # what it had sent before it froze
    (active,) = world.active()
    assert active != "A"
    if end == "freeze":
        assert world.processes["A"].term.state == "standing_by"

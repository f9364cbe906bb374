"""What models share: how they are kept, and how errors become quantiles."""

import io
import pickle

import numpy as np
import pytest

from forecast.models.base import LEVELS
from forecast.models.saved import pack, pack_counts, unpack, unpack_counts
from forecast.models.spread import ascending, root_errors, spread
from hotline.errors import Misuse
from tests.unit.forecast.generator import days, slots


def test_what_is_packed_is_unpacked_with_its_types() -> None:
    arrays = {"numbers": np.arange(6.0).reshape(2, 3), "days": days("2024-02-28", 3), "whole": np.array([1, 2])}
    header, found = unpack("kind", pack("kind", {"order": [1, 0, 1], "text": "名"}, arrays))
    assert header == {"order": [1, 0, 1], "text": "名"}
    assert all((found[name] == array).all() and found[name].dtype == array.dtype for name, array in arrays.items())


def test_counts_are_kept_whole() -> None:
    counts = slots(count=10)
    header, arrays = pack_counts(counts)
    found = unpack_counts(*unpack("kind", pack("kind", header, arrays)))
    assert (found.values == counts.values).all()
    assert (found.periods == counts.periods).all()
    assert (found.unit, found.starts_min, found.step_min) == (counts.unit, counts.starts_min, counts.step_min)


def test_another_kind_is_refused_by_its_name() -> None:
    with pytest.raises(Misuse, match="a saved model arima, not factor"):
        unpack("factor", pack("arima", {}, {}))


@pytest.mark.parametrize("saved", [b"", b"PK\x03\x04 and no more", pickle.dumps({"a": 1})])
def test_other_bytes_are_refused(saved: bytes) -> None:
    with pytest.raises(Misuse):
        unpack("kind", saved)


def test_an_array_of_objects_is_neither_written_nor_read() -> None:
    with pytest.raises(Misuse):
        pack("kind", {}, {"objects": np.array([{}], dtype=object)})
    target = io.BytesIO()
    np.savez(target, header=np.array([{}], dtype=object))
    with pytest.raises(Misuse):
        unpack("kind", target.getvalue())


def test_the_same_model_gives_the_same_bytes() -> None:
    assert pack("kind", {"b": 1, "a": 2}, {"x": np.arange(3)}) == pack("kind", {"a": 2, "b": 1}, {"x": np.arange(3)})


def test_quantiles_of_many_errors_are_those_that_were_seen() -> None:
    random = np.random.default_rng(3)
    mean = np.full((4_000, 1), 50.0)
    came = random.poisson(random.gamma(10, 5, size=(4_000, 1))).astype(float)
    found = spread(mean[:1], root_errors(came, mean))[:, 0, 0]
    assert found == pytest.approx(np.quantile(came, LEVELS), rel=0.06)


def test_without_errors_the_spread_is_wider_than_that_of_a_poisson_count() -> None:
    found = spread(np.full((1, 1), 100.0), np.empty((0, 1)))[:, 0, 0]
    assert 80 < found[-1] - found[0] < 120  # a Poisson count of 100 would have 39
    assert (np.diff(found) > 0).all()


def test_a_slot_with_larger_errors_has_a_wider_interval() -> None:
    errors = np.random.default_rng(1).normal(0, [0.5, 2.0], size=(200, 2))
    found = spread(np.full((1, 2), 100.0), errors)
    width = (found[-1] - found[0])[0]
    assert width[1] > 3 * width[0]


def test_quantiles_are_made_to_ascend() -> None:
    found = ascending(np.array([3.0, 1.0, 4.0]).reshape(3, 1, 1))
    assert found.ravel().tolist() == [3.0, 3.0, 4.0]

"""How a fitted model becomes bytes and is read again: numbers and text only, never code. Pure.

The form is NumPy's `.npz` without pickle (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html): one array for each name
and one with a JSON header. Dates are kept as days since 1970.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast.series.counts import Counts
from hotline.errors import Misuse

Arrays = Mapping[str, NDArray[Any]]

_HEADER = "header"


def pack(kind: str, header: Mapping[str, Any], arrays: Arrays) -> bytes:
    """Return the bytes of a fitted model.

    Args:
        kind: the name of the model; `unpack` refuses bytes of another.
        header: what JSON can say: parameters, names, orders.
        arrays: what is many numbers; dates (unit D) are allowed, objects are not.
    """
    kept = {name: _plain(array) for name, array in arrays.items()}
    dates = [name for name, array in arrays.items() if np.asarray(array).dtype.kind == "M"]
    text = json.dumps({"kind": kind, "dates": dates, "header": dict(header)}, sort_keys=True)
    target = io.BytesIO()
    np.savez_compressed(target, allow_pickle=False, **{_HEADER: np.frombuffer(text.encode(), np.uint8)}, **kept)
    return target.getvalue()


def unpack(kind: str, saved: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return header and arrays of what `pack` made. Raises Misuse for bytes of something else."""
    try:
        with np.load(io.BytesIO(saved), allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        head = json.loads(arrays.pop(_HEADER).tobytes())
        is_ours = head["kind"] == kind
    except (ValueError, KeyError, TypeError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as exc:
        raise Misuse(f"these bytes are no saved model {kind}") from exc
    if not is_ours:
        raise Misuse(f"these bytes are a saved model {head['kind']}, not {kind}")
    for name in head["dates"]:
        arrays[name] = arrays[name].astype("datetime64[D]")
    return head["header"], arrays


def pack_counts(counts: Counts) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return header and arrays of counts, for models that keep (part of) their history."""
    header = {
        "unit": counts.unit,
        "starts_min": list(counts.starts_min),
        "step_min": counts.step_min,
        "queue": counts.queue,
        "zone": counts.zone,
    }
    return header, {"periods": counts.periods, "values": counts.values}


def unpack_counts(header: Mapping[str, Any], arrays: Arrays) -> Counts:
    """Return what `pack_counts` took apart. Raises Misuse when it does not fit together."""
    try:
        return Counts(
            unit=header["unit"],
            periods=arrays["periods"],
            values=arrays["values"],
            starts_min=tuple(header["starts_min"]),
            step_min=header["step_min"],
            queue=header["queue"],
            zone=header["zone"],
        )
    except KeyError as exc:
        raise Misuse(f"saved counts without {exc}") from exc


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    array = np.asarray(array)
    if array.dtype.kind == "M":
        return array.astype("datetime64[D]").astype(np.int64)
    if array.dtype.kind == "O":
        raise Misuse("a saved model keeps numbers and text, no objects")
    return array

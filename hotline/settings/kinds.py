"""The kinds of values that settings have, and the base of every section."""

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from hotline.ids import is_safe_id


def _check_id(value: str) -> str:
    if not is_safe_id(value):
        raise ValueError("use 1 to 100 of A-Z a-z 0-9 . _ : -, starting with a letter or digit")
    return value


def _check_timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ValueError("use a name such as Asia/Shanghai or Europe/Berlin") from exc
    return value


Id = Annotated[str, AfterValidator(_check_id)]
Timezone = Annotated[str, AfterValidator(_check_timezone)]
Port = Annotated[int, Field(ge=0, le=65535)]
Digits = Annotated[str, Field(pattern=r"^[0-9]{1,15}$")]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Level = Annotated[int, Field(ge=1, le=10)]
"""How well somebody masters a skill, or has to."""


class Section(BaseModel):
    """A part of the tree: unknown keys are mistakes, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)

"""The holidays of a country as a `Calendar`. Pure: the dates come from the package `holidays`, no network is asked.

What is decided here: which categories of a country's days count as holidays (people are off) and which as minor ones (most people work),
which Saturdays and Sundays are workdays, and what is not known. What is not decided: the country. It is a setting of the queue, and a wrong
one is worse than none, so nothing is guessed from the data.

In China the State Council moves workdays around the holidays and publishes them each November for the year that follows ("Notice on the
arrangement of some public holidays"). A year without such a notice keeps the holidays that the law fixes and is named in
`Calendar.unpublished`; operators add what they know as holidays and events of their own.

Source of the Chinese years: the lunisolar calendar of `holidays`, 1901 to 2100; they agree with the dates of the Hong Kong Observatory.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Literal

from forecast.days.calendar import Calendar, Event
from hotline.errors import Misuse

Language = Literal["en", "zh"]

FIRST_YEAR, LAST_YEAR = 1901, 2098
"""The lunar tables carry a year on either side of these."""
MINOR_CATEGORIES = ("half_day", "optional", "school", "bank", "government", "de_facto")
"""Categories of the package whose days most people work; its religious and unofficial ones are left out."""
LUNAR_COUNTRIES = frozenset({"BN", "CN", "HK", "ID", "KR", "MO", "MY", "PH", "SG", "TW", "VN"})
"""Countries where the first day of the Chinese year is a public holiday."""
YEARS_LOOKED_BACK = 8
"""A country that moved workdays in one of so many years is expected to move them again."""


def calendar_for(
    country: str,
    region: str = "",
    *,
    years: Iterable[int],
    events: Sequence[Event] = (),
    closed: Iterable[date] = (),
) -> Calendar:
    """Return the calendar of a country for these years; an empty country knows weekends only.

    `country` is an ISO 3166 code (`CN`, `US`, `IL`), with the region behind it if there is one (`GB-WLS`) or in `region`. Give all years that
    history or forecast touch. Raises Misuse for a country, region or year that is not known.
    """
    wanted = _years(years)
    if not country:
        return Calendar(events=tuple(events), closed=frozenset(closed))
    code, part = _place(country, region)
    public = _days(code, part, _with_neighbours(wanted), ("public",))
    minor = _minor(code, part, wanted)
    return Calendar(
        country=f"{code}-{part}" if part else code,
        weekend=frozenset(public.weekend),
        holidays={day: name for day, name in sorted(public.items()) if day.year in wanted},
        minor={day: name for day, name in sorted(minor.items()) if day.year in wanted and day not in public},
        workdays=frozenset(day for day in public.weekend_workdays if day.year in wanted),
        spring_festivals=tuple(_festivals(wanted)) if code in LUNAR_COUNTRIES else (),
        events=tuple(events),
        closed=frozenset(closed),
        unpublished=_unpublished(code, part, wanted),
    )


def statutory_days(country: str, region: str = "", *, years: Iterable[int]) -> frozenset[date]:
    """Return the public holidays on which work is paid as the law says of holidays.

    In China these are the days that the law names (11 a year, since 2025 13: 全国年节及纪念日放假办法, State Council order 795 of 2024), where two of them may
    fall on one day; rest days that are moved around them, and days instead of those that fall on a weekend, are not. In other countries all of them are.
    Raises Misuse as `calendar_for`.
    """
    wanted = _years(years)
    code, part = _place(country, region)
    if code != "CN":
        return frozenset(day for day in _days(code, part, wanted, ("public",)) if day.year in wanted)
    import holidays

    named = holidays.country_holidays(code, years=wanted, categories=("public",), language="en_US", observed=False)
    moved = ("Day off", "Extended")
    return frozenset(day for day, name in named.items() if day.year in wanted and not any(m in name for m in moved))


def spring_festival(year: int) -> date:
    """Return the first day of the Chinese year that begins in `year` (1901 to 2100). Raises Misuse for others."""
    from holidays.calendars.chinese import _ChineseLunisolar

    first: date | None = _ChineseLunisolar().lunar_new_year_date(year)[0]
    if first is None:
        raise Misuse(f"the Chinese calendar is known from 1901 to 2100, not for {year}")
    return first


def local_names(country: str, region: str = "", *, years: Iterable[int], language: Language) -> dict[date, str]:
    """Return the names of the holidays and minor holidays in a language; in the country's own where there is no translation."""
    code, part = _place(country, region)
    wanted = _years(years)
    names = dict(_minor(code, part, wanted, language))
    names.update(_days(code, part, wanted, ("public",), language))
    return names


def countries() -> list[str]:
    """Return the codes of the countries that are known."""
    import holidays

    return sorted(holidays.list_supported_countries(include_aliases=False))


def _years(years: Iterable[int]) -> tuple[int, ...]:
    wanted = tuple(sorted(set(years)))
    if not wanted:
        raise Misuse("a calendar needs the years that it is for")
    if wanted[0] < FIRST_YEAR or wanted[-1] > LAST_YEAR:
        raise Misuse(f"calendars are known from {FIRST_YEAR} to {LAST_YEAR}, not for {wanted[0]} to {wanted[-1]}")
    return wanted


def _place(country: str, region: str) -> tuple[str, str]:
    """Return country and region as the package spells them. Raises Misuse with what would be accepted."""
    import holidays

    code, _, behind = country.upper().partition("-")
    part = region.upper() or behind
    known = holidays.list_supported_countries(include_aliases=True)
    if code not in known:
        raise Misuse(f"no holidays are known of the country {country!r}; known are {', '.join(countries())}")
    if part and part not in {name.upper() for name in known[code]}:
        accepted = ", ".join(known[code]) or "none: leave the region out"
        raise Misuse(f"no region {part!r} is known of the country {code}; known are {accepted}")
    spelled = next((name for name in known[code] if name.upper() == part), "")
    return code, spelled


def _days(code: str, part: str, years: Sequence[int], categories: Sequence[str], language: Language = "en") -> Any:
    """Return the package's own record of the days (a dict of date -> name that also knows weekend and make-up workdays)."""
    import holidays

    kind = getattr(holidays, holidays.registry.COUNTRIES[_module(code)][0])
    return holidays.country_holidays(
        code, subdiv=part or None, years=years, categories=categories, language=_spoken(kind, language)
    )


def _module(code: str) -> str:
    import holidays

    return next(name for name, codes in holidays.registry.COUNTRIES.items() if code in codes)


def _spoken(kind: Any, language: Language) -> str | None:
    """Return the package's name of the language; None is the country's own."""
    spoken = kind.supported_languages
    wanted = ("en_US", "en_GB") if language == "en" else ("zh_CN", "zh_TW", "zh_HK")
    close = [name for name in spoken if name.startswith(language)]
    return next((name for name in (*wanted, *close) if name in spoken), None)


def _minor(code: str, part: str, years: Sequence[int], language: Language = "en") -> Any:
    import holidays

    kind = getattr(holidays, holidays.registry.COUNTRIES[_module(code)][0])
    categories = [name for name in MINOR_CATEGORIES if name in kind.supported_categories]
    return _days(code, part, years, categories, language) if categories else {}


def _with_neighbours(years: Sequence[int]) -> list[int]:
    """A New Year's Day moves the last days of December before it."""
    return sorted({near for year in years for near in (year - 1, year, year + 1)})


def _festivals(years: Sequence[int]) -> list[date]:
    """The festivals of these years and of those beside them, so that every day has one before and one after it."""
    return [spring_festival(year) for year in range(years[0] - 1, years[-1] + 2)]


def _unpublished(code: str, part: str, years: Sequence[int]) -> frozenset[int]:
    """Years after the last one with make-up workdays, in countries that move workdays."""
    around = range(years[0] - YEARS_LOOKED_BACK, years[-1] + 1)
    moved = {day.year for day in _days(code, part, around, ("public",)).weekend_workdays}
    return frozenset(year for year in years if moved and year > max(moved))

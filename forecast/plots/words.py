"""The words in the pictures, in English and Chinese."""

from typing import Literal

Language = Literal["en", "zh"]

WORDS: dict[str, tuple[str, str]] = {
    "calls": ("calls", "来电量"),
    "came": ("what came", "实际"),
    "mean": ("forecast", "预测"),
    "band80": ("80 %", "80 %"),
    "band95": ("95 %", "95 %"),
    "fan": ("Forecast and what came", "预测与实际"),
    "fan_only": ("Forecast", "预测"),
    "wape": ("Error by weekday and time (WAPE)", "按星期与时段的误差 (WAPE)"),
    "bias": ("Too much (+) or too little (-), by weekday and time", "偏高 (+) 或偏低 (-)：按星期与时段"),
    "heat": ("Calls by weekday and time", "按星期与时段的来电量"),
    "models": ("WAPE of each model", "各模型的 WAPE"),
    "acf": ("Autocorrelation (ACF), seasonal difference", "自相关 (ACF)，季节差分后"),
    "pacf": ("Partial autocorrelation (PACF), seasonal difference", "偏自相关 (PACF)，季节差分后"),
    "lag": ("lag", "滞后"),
    "origins": ("origins", "预测起点"),
    "floor": ("floor (Poisson)", "下限 (泊松)"),
    "queue": ("queue", "队列"),
}
WEEKDAYS: dict[Language, tuple[str, ...]] = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "zh": ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
}
MONTHS: dict[Language, tuple[str, ...]] = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "zh": tuple(f"{month}月" for month in range(1, 13)),
}


def word(name: str, language: Language) -> str:
    """Return a word of the pictures."""
    return WORDS[name][0 if language == "en" else 1]

"""The words of the forecast's tables in English and Chinese. Pure."""

from collections.abc import Iterable
from typing import Literal

Language = Literal["en", "zh"]

WORDS: dict[str, tuple[str, str]] = {
    "queue": ("queue", "队列"), "horizon": ("horizon", "预测范围"), "from": ("from", "起始"), "calls": ("calls", "话务量"),
    "range80": ("80 % between", "80 % 区间"), "range95": ("95 % between", "95 % 区间"), "model": ("model", "模型"),
    "wape": ("WAPE", "WAPE 误差"), "bias": ("bias", "偏差"), "why": ("why", "原因"), "made": ("made", "预测时间"),
    "q10": ("10 %", "10 %"), "q50": ("50 %", "50 %"), "q90": ("90 %", "90 %"), "lead": ("ahead", "提前量"),
    "periods": ("periods", "期数"), "covers80": ("80 % covers", "80 % 覆盖率"), "covers95": ("95 % covers", "95 % 覆盖率"),
    "today": ("today", "今日剩余"), "half_hour": ("half hours", "半小时"), "day": ("days", "日"), "month": ("months", "月"),
    "starting": ("starting", "启动中"), "too_little_history": ("too little history", "历史数据不足"),
    "ready": ("ready", "就绪"), "failed": ("failed", "失败"),
    "first_choice": ("preferred until models are compared", "模型比较之前的首选"),
    "follows": ("the forecast of the morning and what came since", "当日预测加实际来话修正"),
    "nothing": ("Nothing is forecast.", "暂无预测。"), "not_scored": ("No forecast is old enough to be judged.", "尚无可评估的预测。"),
    "gap_short": ("people will be missing in the next hours", "未来几小时人手不足"),
    "gap_over": ("more people than are needed in the next hours", "未来几小时人手富余"),
}  # fmt: skip
"""Each word in English and Chinese."""


def say(word: str, language: Language) -> str:
    """Return a word in the language."""
    return WORDS[word][language == "zh"] if word in WORDS else word


def heading(words: Iterable[str], language: Language) -> list[str]:
    """Return the heads of columns in the language."""
    return [say(word, language) for word in words]

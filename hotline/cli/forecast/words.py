"""The words of the forecast's tables in English and Chinese. Pure."""

from collections.abc import Iterable
from typing import Literal

from hotline.errors import Misuse

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
    "shares": ("{queues} share agents", "{queues} 共用坐席"),
    "together": ("; together they need {together} now", "；当前合计需要 {together} 人"),
    "pooled": (
        "; {pooling:.0f} % of the saving of one queue is reached, by the simulation of {at}",
        "；按 {at} 的仿真，达到合并为一个队列所省人数的 {pooling:.0f} %",
    ),
    "not_pooled": ("; not measured yet: each counts by itself (Erlang)", "；尚未仿真：各队列单独计算（爱尔兰公式）"),
    "gap_short": ("people will be missing in the next hours", "未来几小时人手不足"),
    "gap_over": ("more people than are needed in the next hours", "未来几小时人手富余"),
}  # fmt: skip
"""Each word in English and Chinese."""


def language_of(language: str) -> Language:
    """Return a language by its name. Raises Misuse."""
    if language not in ("en", "zh"):
        raise Misuse(f"there is no language {language[:20]!r}; say en or zh")
    return "zh" if language == "zh" else "en"


def say(word: str, language: Language) -> str:
    """Return a word in the language."""
    return WORDS[word][language == "zh"] if word in WORDS else word


def heading(words: Iterable[str], language: Language) -> list[str]:
    """Return the heads of columns in the language."""
    return [say(word, language) for word in words]

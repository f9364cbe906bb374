"""What facts about supervisors, and other orders of people, say in English and Chinese. Pure."""

from collections.abc import Callable
from typing import Any

from hotline import facts as f

_DOES = {"listen": "listens to", "whisper": "whispers to", "barge": "barged in with"}
_DOES_ZH = {"listen": "监听", "whisper": "密语指导", "barge": "强插"}
_WHY = {
    "call_over": ("the conversation is over", "通话已结束"),
    "hung_up": ("he hung up", "主管挂机"),
    "stopped": ("stopped by order", "按指令停止"),
    "taken_over": ("he takes the caller over", "主管接管来电"),
    "no_answer": ("his seat did not answer", "主管话机未接听"),
    "busy": ("his seat was busy", "主管话机忙"),
    "refused": ("his seat could not be rung", "无法呼叫主管话机"),
    "lost": ("it was lost", "已丢失"),
}

LINES: dict[type[f.Fact], tuple[Callable[[Any], str], Callable[[Any], str]]] = {
    f.SupervisionAsked: (
        lambda x: f"{x.by} wants to supervise agent {x.agent_id} from seat {x.extension} ({x.mode})",
        lambda x: f"{x.by} 请求在话机 {x.extension} 上对坐席 {x.agent_id} 进行{_DOES_ZH[x.mode]}",
    ),
    f.SupervisionBegan: (
        lambda x: f"seat {x.extension} {_DOES[x.mode]} agent {x.agent_id} (by {x.by})",
        lambda x: f"话机 {x.extension} 开始{_DOES_ZH[x.mode]}坐席 {x.agent_id}（{x.by}）",
    ),
    f.SupervisionEnded: (
        lambda x: f"seat {x.extension} is not with agent {x.agent_id} any more: {_WHY.get(x.reason, (x.reason,))[0]}",
        lambda x: f"话机 {x.extension} 结束对坐席 {x.agent_id} 的监控：{_WHY.get(x.reason, ('', x.reason))[1]}",
    ),
}
"""For each kind of fact of a call: its line in English and in Chinese."""

_STATES_ZH = {
    "offline": "离线",
    "ready": "就绪",
    "reserved": "已分配",
    "ringing": "振铃",
    "talking": "通话",
    "holding": "保持",
    "wrap_up": "话后处理",
    "rest": "暂停派单",
    "break": "小休",
    "unreachable": "话机不可达",
}

_CHANGES = {
    "swap": "swaps with",
    "give": "gives his shift to",
    "off": "has no shift any more",
    "shift": "has another shift:",
}
_CHANGES_ZH = {"swap": "换班，对方", "give": "让班给", "off": "取消班次", "shift": "改为班次"}

_THEN_ZH = {"stay": "继续等候", "hang_up": "挂断", "fallback": "转应急队列"}

ORDERS: dict[type[f.Fact], tuple[Callable[[Any], str], Callable[[Any], str]]] = {
    f.RosterPublished: (
        lambda x: (
            f"published the roster {x.roster_id} of {x.days} days from {x.first}: {x.shifts} shifts of {x.people} people"
        ),
        lambda x: f"发布自 {x.first} 起 {x.days} 天的排班表 {x.roster_id}：{x.people} 人，{x.shifts} 个班",
    ),
    f.ShiftSwapped: (
        lambda x: " ".join(
            part
            for part in (
                f"roster {x.roster_id}: {x.person} on {x.day}",
                _CHANGES[x.kind],
                x.other,
                x.shift,
                x.other_day,
            )
            if part
        ),
        lambda x: " ".join(
            part
            for part in (
                f"排班表 {x.roster_id}：{x.person}，{x.day}",
                _CHANGES_ZH[x.kind],
                x.other,
                x.shift,
                x.other_day,
            )
            if part
        ),
    ),
    f.SurgeSwitched: (
        lambda x: f"{'called the surge agents to' if x.on else 'let the surge agents go from'} queue {x.queue_id}",
        lambda x: f"{'调入' if x.on else '撤回'}队列 {x.queue_id} 的增援坐席",
    ),
    f.QueueSwitched: (
        lambda x: (
            f"queue {x.queue_id} is {'closed' if x.closed else 'open'}"
            + (f", its callers hear {x.emergency}, then {x.then.replace('_', ' ')}" if x.emergency else "")
        ),
        lambda x: (
            f"队列 {x.queue_id} {'已关闭' if x.closed else '已开放'}"
            + (f"，播放公告 {x.emergency}，之后{_THEN_ZH.get(x.then, x.then)}" if x.emergency else "")
        ),
    ),
    f.AgentStateChanged: (
        lambda x: (
            f"agent {x.agent_id}: {x.previous} -> {x.state}"
            + (f" ({x.reason})" if x.reason else "")
            + (", by order" if x.forced else "")
        ),
        lambda x: (
            f"坐席 {x.agent_id}：{_STATES_ZH.get(x.previous, x.previous)} → {_STATES_ZH.get(x.state, x.state)}"
            + (f"（{x.reason}）" if x.reason else "")
            + ("，主管指令" if x.forced else "")
        ),
    ),
    f.AgentWishChanged: (
        lambda x: (
            f"agent {x.agent_id}, after his call: {x.wish or 'nothing'}"
            + (f" ({x.reason})" if x.reason else "")
            + (", by order" if x.forced else "")
        ),
        lambda x: (
            f"坐席 {x.agent_id} 通话后：{_STATES_ZH.get(x.wish, '不变')}"
            + (f"（{x.reason}）" if x.reason else "")
            + ("，主管指令" if x.forced else "")
        ),
    ),
}
"""The same for facts of agents and queues that people order."""

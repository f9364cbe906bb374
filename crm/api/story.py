"""The story of a call for people: one line for each fact, in English or Chinese. Pure.

18:03:12.4  offered to agent 1004, rings for up to 15 s
"""

from collections.abc import Callable, Iterable
from datetime import tzinfo
from typing import Any, Literal

from crm.api import story_supervision, story_waits
from crm.fold.rows import moment
from crm.fold.told import in_order
from hotline import facts as f
from hotline.facts import Envelope, Fact

Language = Literal["en", "zh"]

_WORDS_ZH = {
    "caller": "来电者",
    "agent": "坐席",
    "system": "系统",
    "unknown": "未知",
    "caller_left": "来电者已离开",
    "agent_left": "坐席已离开",
    "no_answer": "无人接听",
    "rejected": "拒接",
    "busy": "忙",
    "failed": "无法振铃",
    "called_off": "已取消",
    "refused": "被拒绝",
    "withdrawn": "已撤回",
    "lease": "租约到期",
    "no_number": "没有号码",
    "not_found": "没有记录",
    "too_late": "查询超时",
    "unavailable": "无法查询",
    "session": "在菜单或队列中",
    "ringing": "振铃中",
    "talking": "通话中",
    "fallback": "应急队列",
    "no_heartbeat": "没有控制程序",
    "lease_expired": "租约到期",
    "not_handled": "无人处理",
    "no_router": "没有路由程序",
    "full": "队列已满",
    "closed": "非营业时间",
    "moved": "已转移",
    "overflow": "溢出",
    "closing": "已到下班时间",
    "emergency": "紧急公告",
    "pulled": "由主管移出",
    "outside": "在外部（留言或外部号码）",
    "missing": "缺失",
    "answered": "已接听",
    "not_reached": "未接通客户",
    "key": "按键选择",
    "transferred": "已转接",
    "lost": "失去联系",
    "unknown_queue": "没有此队列",
    "empty": "空文件",
    "broken": "损坏",
    "too_short": "过短",
    "store_failed": "保存失败",
}

Line = Callable[[Any], str]


def _s(duration: float) -> str:
    return f"{max(duration, 0.0):.1f}"


def _w(word: str) -> str:
    return _WORDS_ZH.get(word, word)


def _after(fact: Fact, text: str, note: str) -> str:
    return f"{text} ({note})" if getattr(fact, "reconciled", False) else text


UNTOLD = f.OfferExplained
"""What has no line: reasons, for which `hotline calls why` is there."""

LINES: dict[type[Fact], tuple[Line, Line]] = {
    f.CallArrived: (
        lambda x: _after(x, _arrived(x), "from CEL"),
        lambda x: _after(x, _arrived_zh(x), "事后由 CEL 补记"),
    ),
    f.CallAdopted: (
        lambda x: f"taken over after a gap, {x.phase}",
        lambda x: f"中断后重新接管，{_w(x.phase)}",
    ),
    f.CallerIdentified: (
        lambda x: f"is customer {x.name}{_named(x.tier)}",
        lambda x: f"识别为客户 {x.name}{_named(x.tier)}",
    ),
    f.CallerUnknown: (
        lambda x: f"caller unknown: {x.reason.replace('_', ' ')}",
        lambda x: f"未识别来电者：{_w(x.reason)}",
    ),
    f.IvrStepTaken: (
        lambda x: f"menu {x.flow}: {x.step}, {x.result}",
        lambda x: f"菜单 {x.flow}：{x.step}，{x.result}",
    ),
    f.CallQueued: (
        lambda x: f"joined queue {x.queue_id}" + (f" with priority {x.priority}" if x.priority else ""),
        lambda x: f"进入队列 {x.queue_id}" + (f"，优先级 {x.priority}" if x.priority else ""),
    ),
    f.CallAbandoned: (
        lambda x: (
            f"gave up in queue {x.queue_id} after {_s(x.at - x.entered_at)} s"
            + (", while a seat rang" if x.while_ringing else "")
        ),
        lambda x: (
            f"在队列 {x.queue_id} 等待 {_s(x.at - x.entered_at)} 秒后放弃" + ("（振铃中）" if x.while_ringing else "")
        ),
    ),
    f.CallFlowedOut: (
        lambda x: f"left queue {x.queue_id} after {_s(x.at - x.entered_at)} s: {x.reason.replace('_', ' ')}{_way(x)}",
        lambda x: f"等待 {_s(x.at - x.entered_at)} 秒后离开队列 {x.queue_id}：{_w(x.reason)}{_way_zh(x)}",
    ),
    f.CallMoved: (
        lambda x: f"moved from queue {x.queue_id} to {x.to} by {x.by}",
        lambda x: f"由 {x.by} 从队列 {x.queue_id} 移到 {x.to}",
    ),
    f.CallPriorityChanged: (
        lambda x: f"given priority {x.priority} instead of {x.previous} by {x.by}",
        lambda x: f"由 {x.by} 将优先级从 {x.previous} 改为 {x.priority}",
    ),
    f.CallResumed: (
        lambda x: f"has his old place in queue {x.queue_id} back, from call {x.earlier_call_id}",
        lambda x: f"恢复了在队列 {x.queue_id} 中的原有位置（来自通话 {x.earlier_call_id}）",
    ),
    f.WaitPromised: (lambda x: story_waits.told(x)[0], lambda x: story_waits.told(x)[1]),
    f.CustomerDialled: (
        lambda x: f"the customer was called back: {x.result.replace('_', ' ')}",
        lambda x: f"回拨客户：{_w(x.result)}",
    ),
    f.CallForwarded: (
        lambda x: f"put through to {x.number}",
        lambda x: f"转接至外部号码 {x.number}",
    ),
    f.ForwardEnded: (
        lambda x: (
            f"talked with {x.number} for {_s(x.talked_s)} s"
            if x.answered
            else f"{x.number} did not answer ({x.reason or 'unknown'})"
        ),
        lambda x: (
            f"与 {x.number} 通话 {_s(x.talked_s)} 秒"
            if x.answered
            else f"{x.number} 未接听（{_w(x.reason or 'unknown')}）"
        ),
    ),
    f.VoicemailBegan: (lambda _: "asked to leave a message", lambda _: "请来电者留言"),
    f.VoicemailLeft: (
        lambda x: f"left a message of {_s(x.duration_s)} s",
        lambda x: f"留言 {_s(x.duration_s)} 秒",
    ),
    f.VoicemailHandled: (
        lambda x: f"message {'dealt with' if x.handled else 'to be dealt with again'}, said by {x.by}",
        lambda x: f"留言{'已处理' if x.handled else '恢复为待处理'},操作人:{x.by}",
    ),
    f.VoicemailMissed: (
        lambda x: f"left no message: {x.problem.replace('_', ' ')}" + (f" ({x.detail})" if x.detail else ""),
        lambda x: f"没有留言：{_w(x.problem)}" + (f"（{x.detail}）" if x.detail else ""),
    ),
    f.CallFellBack: (
        lambda x: _after(x, f"went to the fallback queue: {x.reason.replace('_', ' ')}", "from CEL"),
        lambda x: _after(x, f"转入应急队列：{_w(x.reason)}", "事后由 CEL 补记"),
    ),
    f.CallEnded: (
        lambda x: _after(
            x, f"ended by {x.ended_by}" + (f", cause {x.cause}" if x.cause else ""), "concluded afterwards"
        ),
        lambda x: _after(x, f"结束，挂断方：{_w(x.ended_by)}" + (f"，原因码 {x.cause}" if x.cause else ""), "事后推定"),
    ),
    f.OfferMade: (
        lambda x: f"offered to agent {x.agent_id}, rings for up to {x.ring_timeout_s:g} s",
        lambda x: f"分配给坐席 {x.agent_id}，最多振铃 {x.ring_timeout_s:g} 秒",
    ),
    f.OfferRang: (lambda _: "the seat rings", lambda _: "坐席话机振铃"),
    f.OfferAccepted: (lambda _: "answered, both are connected", lambda _: "坐席接听，双方接通"),
    f.OfferTimedOut: (lambda _: "the agent did not answer", lambda _: "坐席未接听"),
    f.OfferRejected: (lambda _: "the agent rejected the call", lambda _: "坐席拒接"),
    f.OfferBusy: (lambda _: "the seat was busy", lambda _: "坐席话机忙"),
    f.OfferFailed: (lambda x: f"the seat could not be rung: {x.reason}", lambda x: f"无法振铃：{x.reason}"),
    f.OfferRescinded: (
        lambda x: f"offer taken back: {x.reason.replace('_', ' ')}",
        lambda x: f"分配已撤回：{_w(x.reason)}",
    ),
    f.OfferUnknown: (
        lambda _: "nobody told how the offer ended; closed by its timer",
        lambda _: "分配结果未知，由定时器关闭",
    ),
    f.TalkEnded: (
        lambda x: f"conversation over, ended by {x.ended_by}",
        lambda x: f"通话结束，挂断方：{_w(x.ended_by)}",
    ),
    f.TransferStarted: (
        lambda x: (
            f"the agent asks {x.to.replace(':', ' ')} first"
            if x.kind == "attended"
            else f"handed on to {x.to.replace(':', ' ')}"
        ),
        lambda x: f"咨询{_to(x.to)}" if x.kind == "attended" else f"转接至{_to(x.to)}",
    ),
    f.ConferenceBegan: (lambda _: "all three talk", lambda _: "三方通话"),
    f.TransferCompleted: (
        lambda x: "transfer completed" + (", the caller talks with the other agent" if x.kind == "attended" else ""),
        lambda x: "转接完成" + ("，由另一坐席接听" if x.kind == "attended" else ""),
    ),
    f.TransferFailed: (
        lambda x: f"not handed on: {x.reason.replace('_', ' ')}",
        lambda x: f"未转接：{_w(x.reason)}",
    ),
    f.ScreenPopped: (
        lambda x: f"the caller's name was shown to agent {x.agent_id}",
        lambda x: f"已向坐席 {x.agent_id} 显示来电者姓名",
    ),
    f.HoldBegan: (
        lambda x: "the agent put the caller on hold" + (", by his phone's own key" if x.by_phone else ""),
        lambda x: "坐席将来电者置于保持" + ("（话机保持键）" if x.by_phone else ""),
    ),
    f.HoldEnded: (lambda _: "the agent took the caller back from hold", lambda _: "坐席取回来电者"),
    f.OutcomeGiven: (
        lambda x: f"agent {x.agent_id} says how it went: {x.outcome.replace('_', ' ')}{_named(x.note)}",
        lambda x: f"坐席 {x.agent_id} 记录结果：{x.outcome}{_named(x.note)}",
    ),
    f.RecordingStarted: (lambda _: "recording started", lambda _: "开始录音"),
    f.RecordingStored: (
        lambda x: f"recording stored, {_s(x.duration_s)} s",
        lambda x: f"录音已保存，{_s(x.duration_s)} 秒",
    ),
    f.RecordingMarked: (
        lambda x: f"recording {x.problem.replace('_', ' ')}" + (f": {x.detail}" if x.detail else ""),
        lambda x: f"录音{_w(x.problem)}" + (f"：{x.detail}" if x.detail else ""),
    ),
    **story_supervision.LINES,
}
"""For each kind of fact of a call: its line in English and in Chinese."""


def _arrived(call: f.CallArrived) -> str:
    if call.origin == "callback":
        return f"a call back to {call.caller_number}, for his call of {call.number}"
    return f"called {call.number} from {call.caller_number or 'a withheld number'}{_named(call.caller_name)}"


def _arrived_zh(call: f.CallArrived) -> str:
    if call.origin == "callback":
        return f"回拨 {call.caller_number}（其来电号码 {call.number}）"
    return f"{call.caller_number or '隐藏号码'}{_named(call.caller_name)} 呼叫 {call.number}"


def _way(left: f.CallFlowedOut) -> str:
    """Return what is done with a caller who left a line, and who wanted it so."""
    treated = f" -> {left.treatment}" if left.treatment else ""
    return treated + (f" ({left.by})" if left.by else "")


_TREATMENTS_ZH = {
    "fallback": "转应急队列",
    "voicemail": "留言",
    "callback": "回拨",
    "hang_up": "挂断",
    "queue": "转到队列",
    "number": "转接外线",
    "announce": "播放公告",
}


def _way_zh(left: f.CallFlowedOut) -> str:
    kind, _, target = left.treatment.partition(":")
    treated = f" → {_TREATMENTS_ZH.get(kind, kind)}{f' {target}' if target else ''}" if kind else ""
    return treated + (f"（{left.by}）" if left.by else "")


_KINDS_ZH = {"agent": "坐席", "queue": "队列", "number": "号码"}


def _to(destination: str) -> str:
    kind, _, target = destination.partition(":")
    return f"{_KINDS_ZH.get(kind, '')} {target}"


def _named(name: str) -> str:
    return f" ({name})" if name else ""


def describe(fact: Fact, language: Language = "en") -> str:
    """Return what a fact says, as a line without its time."""
    lines = LINES.get(type(fact))
    if lines is None:
        return type(fact).__name__
    return lines[0 if language == "en" else 1](fact)


def story(envelopes: Iterable[Envelope], zone: tzinfo, language: Language = "en") -> list[str]:
    """Return the story of a call: a line for each fact, in order, with its time in `zone`."""
    lines: list[str] = []
    facts = [envelope.fact for envelope in in_order(envelopes) if not isinstance(envelope.fact, UNTOLD)]
    for place, fact in enumerate(facts):
        local = moment(fact.at).astimezone(zone)
        text = describe(fact, language) + _what_came(facts, place, language)
        lines.append(f"{local:%H:%M:%S}.{local.microsecond // 100_000}  {text}")
    return lines


def _what_came(facts: list[Fact], place: int, language: Language) -> str:
    """Return what is to be said of the fact at `place` that only those after it tell."""
    fact = facts[place]
    if not isinstance(fact, f.WaitPromised):
        return ""
    english, chinese = story_waits.came_of(fact, facts[place + 1 :])
    came = english if language == "en" else chinese
    return came and (f": {came}" if language == "en" else f"：{came}")

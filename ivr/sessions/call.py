"""What is known about one call in its flow, and the few things that can be done to it. Pure.

Each method notes facts and commands in `out`, in the order in which they shall be done; nothing is done here. When to do
what is decided in `walk` (steps, prompts, digits) and `waiting` (queue, offers, adoption).
"""

from collections import Counter
from collections.abc import Mapping
from typing import Literal

import msgspec

from hotline.commands import Command, Hangup, Play, Release, Remember, StartMusic
from hotline.facts import CallAdopted, CallArrived, CallQueued, Fact, IvrStepTaken, OutgoingAsked, Place
from hotline.ids import CustomerId, PlayId, QueueId
from hotline.settings.queues import Comfort
from ivr.flow.model import Flow, Prompt, QueueStep
from ivr.instead.means import NO_MEANS
from ivr.instead.wish import Wish
from ivr.line.schedule import next_due, speaks
from ivr.line.stay import Stay, no_past
from ivr.speech.naming import SoundBook

State = Literal[
    "prompting",
    "listening",
    "announcing",
    "waiting",
    "ringing",
    "talking",
    "treated",
    "asking",
    "outside",
    "leaving",
    "ended",
]
"""See `session`."""
Output = Fact | OutgoingAsked | Command

PLAY_SLACK_S = 3.0
"""How much later than expected a prompt may end before we go on without its `PlayEnded`."""
UNKNOWN_SOUND_S = 10.0
"""Taken as the length of a sound whose length nobody told us."""
RETRY_S = 2.0
"""Pause before a command that failed is sent again."""
RETRIES_LIMIT = 10
NO_ROUTER = "no_router"
"""Why a caller leaves the line when nobody distributes callers."""


class Call:
    """One call in its flow."""

    def __init__(
        self, event: CallArrived | CallAdopted, flow: Flow, sounds: SoundBook, music: Mapping[QueueId, str], now: float
    ) -> None:
        self.call_id = event.call_id
        self.node = event.node
        self.number = event.number
        self.caller_number = event.caller_number
        self.caller_name = event.caller_name
        self.customer_id: CustomerId | None = None
        self.flow = flow
        self.sounds = sounds
        self.music = music
        self.means = NO_MEANS
        self.now = now
        self.router = True
        """Whether a router is heard; without one nobody ever comes for a caller in the line."""
        self.out: list[Output] = []
        self.state: State = "prompting"
        self.deadline: float | None = None
        self.ignored: Counter[str] = Counter()
        self.limits: Counter[str] = Counter()
        # Where in the flow.
        self.step = flow.start
        self.steps_taken = 0
        self.language = flow.language
        self.chose_language = False
        self.stay: Stay | None = None
        self.past_offers = no_past()
        self.wish: Wish | None = None
        """What he has said who is asked where he wants to be called back."""
        self.adopted_at: float | None = None
        # The prompt that plays. The prefix has the time: who adopts a call must not reuse the ids of the one who died.
        self.play_prefix = f"{event.call_id}.{int(now * 1000)}"
        self.plays = 0
        self.play_id: PlayId | None = None
        self.play_ends_at = 0.0
        self.failed_prompts = 0
        self.greeting: Prompt | None = None
        """What a caller hears who has just joined a line, if no ring comes at once; empty: music only."""
        # What the caller typed: for this step, and before it asked.
        self.typed = ""
        self.typed_ahead = ""
        self.tries = 0
        self.digits = 0
        # The farewell, and how often a failed command was sent again.
        self.leave: Hangup | Release | None = None
        self.retries = 0

    def ignore(self, event: object) -> None:
        """Count an event that means nothing now."""
        self.ignored[type(event).__name__] += 1

    def tell(self, result: str) -> None:
        """Tell how the present step ended."""
        self.out.append(
            IvrStepTaken(
                at=self.now,
                call_id=self.call_id,
                flow=self.flow.name,
                flow_version=self.flow.version,
                step=self.step,
                result=result,
                language=self.language,
            )
        )

    def play(self, prompt: Prompt, state: State, *, interrupt: bool | str = True) -> None:
        """Play a prompt, in place of what may be playing; `interrupt`: which keys stop it, or whether any does."""
        sounds = self.sounds.resolve(prompt, self.language)
        self.plays += 1
        self.play_id = PlayId(f"{self.play_prefix}.{self.plays}")
        self.play_ends_at = self.now + self.sounds.length_s(sounds, UNKNOWN_SOUND_S)
        self.deadline = self.play_ends_at + PLAY_SLACK_S
        self.state = state
        self.greeting = None
        play = Play(node=self.node, call_id=self.call_id, play_id=self.play_id, sounds=sounds)
        keys = play.interrupt if interrupt is True else interrupt or ""
        self.out.append(msgspec.structs.replace(play, interrupt=keys))

    def listen(self, until: float) -> None:
        """Wait for a digit, in silence."""
        self.play_id = None
        self.state = "listening"
        self.deadline = until

    def remember(self, *, served: bool = False) -> None:
        """Keep the place on the channel; without it whoever adopts the call begins the flow anew.

        `served`: the caller has left the line because an agent answered.
        """
        place = Place(
            flow=self.flow.name, flow_version=self.flow.version, step=self.step, language=self.language, served=served
        )
        stay = self.stay
        if stay is not None and stay.left and not served:
            place = msgspec.structs.replace(
                place,
                treatment=stay.kept_treatment,
                treated_queue=stay.queue_id,
                since=stay.entered_at if stay.since is None else stay.since,
                priority=stay.priority,
                skills=stay.skills,
                levels=stay.levels,
            )
        elif stay is not None and not served:
            place = msgspec.structs.replace(
                place,
                queue_id=stay.queue_id,
                entered_at=stay.entered_at,
                priority=stay.priority,
                skills=stay.skills,
                levels=stay.levels,
                wanted_agent=stay.wanted_agent,
                transferred_by=stay.transferred_by,
                since=stay.since,
                before=stay.before,
                callback=stay.callback,
            )
        self.out.append(Remember(node=self.node, call_id=self.call_id, place=place))

    def join(self, step: QueueStep) -> None:
        """Join the line of a queue; first of all, because an offer may come at once and no announcement may delay it.

        The place is kept before anybody hears of it: who adopts the call then knows the same stay as the router.
        """
        self.typed_ahead = ""
        self.stay = Stay(
            queue_id=step.queue_id,
            entered_at=self.now,
            priority=step.priority,
            skills=step.skills,
            levels=step.levels,
            past=self.past_offers,
        )
        self.remember()
        self.line_up(self.stay)
        self.tell("queued")
        if self.router and self.means.grace_s > 0:
            self.state, self.play_id, self.greeting = "waiting", None, step.announce
            self.deadline = self.now + self.means.grace_s
        elif step.announce and self.router:
            self.play(step.announce, "announcing")
        else:
            self.wait()

    def line_up(self, stay: Stay) -> None:
        """Tell that the caller stands in a line. Told again, with the same time of entry, it is the same stay."""
        self.out.append(
            CallQueued(
                at=self.now,
                call_id=self.call_id,
                queue_id=stay.queue_id,
                entered_at=stay.entered_at,
                priority=stay.priority,
                skills=stay.skills,
                levels=stay.levels,
                language=self.language,
                wanted_agent=stay.wanted_agent,
                transferred_by=stay.transferred_by,
                since=stay.since,
                before=stay.before,
                kind="callback" if stay.callback else "live",
            )
        )

    def wait(self) -> None:
        """Stay in the line with music; without a router there is nothing to wait for."""
        if self.router:
            self.start_music()
        else:
            self.give_up()

    def start_music(self) -> None:
        """Let the caller wait with music, until something is to be said to him."""
        self.state = "waiting"
        self.deadline = None
        if self.stay is not None and self.comfort is not None:
            self.deadline = next_due(self.comfort, self.stay.entered_at, self.now)
        self.play_id, self.greeting = None, None
        music = self.music.get(self.stay.queue_id, "default") if self.stay is not None else "default"
        self.out.append(StartMusic(node=self.node, call_id=self.call_id, music_class=music))

    @property
    def comfort(self) -> Comfort | None:
        """What is said to those who wait where he does; None when that is nothing."""
        waits = self.stay is not None and not self.stay.callback
        found = self.means.comfort.get(self.stay.queue_id) if waits and self.stay is not None else None
        return found if found is not None and speaks(found) else None

    def hang_up(self, reason: str) -> None:
        """End the call."""
        self._go(Hangup(node=self.node, call_id=self.call_id, reason=reason))

    def release(self, reason: str) -> None:
        """Give the caller to Asterisk's fallback queue."""
        self._go(Release(node=self.node, call_id=self.call_id, reason=reason))

    def give_up(self) -> None:
        """Nobody comes for him: give the caller to the fallback queue. His stay is kept, for an offer may be on its way already."""
        stay = self.stay
        if stay is not None and stay.callback and not stay.met:
            self.hang_up("callback")  # nobody is on the line yet
            return
        self.tell("released")
        self.release(NO_ROUTER)
        self.stay = stay

    def release_later(self, reason: str, delay_s: float) -> None:
        """Give the caller to Asterisk's fallback queue unless he is there by himself in time."""
        self.release(reason)
        self.out.pop()
        self.deadline = self.now + delay_s

    def _go(self, leave: Hangup | Release) -> None:
        self.state = "leaving"
        self.stay = None
        self.deadline = None
        self.retries = 0
        self.leave = leave
        self.out.append(leave)

    def try_again(self) -> None:
        """Wake up for another try of a command that failed: nobody is left in silence. Many failures in a row are counted."""
        self.retries += 1
        self.deadline = self.now + RETRY_S
        if self.retries == RETRIES_LIMIT:
            self.limits["ivr_retries"] += 1

"""One Asterisk and what lives beside it: the link, telephony, and (where they run) call flows, recorder and CEL reader."""

import asyncio
from collections.abc import Awaitable, Mapping

import structlog

from crm.cel.reader import CelReader
from hotline import dialling
from hotline.errors import Unavailable
from hotline.ids import NodeId, QueueId
from hotline.secrets import Secrets
from hotline.store.pool import Store
from hotline.wiring.ground import Ground
from hotline.wiring.keeping import Kept
from ivr.flow.library import Library, read_flows
from ivr.flow.model import Prompt, Say
from ivr.instead.announcements import announcements
from ivr.instead.callback import callback_says
from ivr.instead.means import Means
from ivr.line.wait_words import unknown_messages, wait_says
from ivr.service import IvrService
from ivr.speech.prompts import PromptReport, prepare_prompts, recordings
from recorder.messages.service import MessagesService
from recorder.service import RecorderService
from telephony.ami.link import AmiLink
from telephony.asterisk.logs import LogKeeper
from telephony.asterisk.sounds import SoundShelf
from telephony.asterisk.supervise import PrivateAsterisk
from telephony.lines import Lines
from telephony.service import TelephonyService

MESSAGES = "messages"
"""The directory of callers' messages, beside that of the recordings."""
READY_TIMEOUT_S = 30.0
RING_AT_ONCE_S = 0.15
"""So long a caller who joins a line hears nothing yet: where an agent is free the ring is there before, and nothing was played in vain."""
LAST_WORDS_S = 3.0

log = structlog.get_logger(__name__)


class Node:
    """See the module. Made by `start`; `serve` begins to take calls."""

    def __init__(self, ground: Ground, secrets: Secrets) -> None:
        self._ground = ground
        self._secrets = secrets
        self.id = NodeId(ground.settings.asterisk.node)
        self.library: Library
        self._prompts: PromptReport
        self._announcements: Mapping[str, Prompt]
        self._asterisk = Kept("asterisk", self._start_asterisk, ground.tasks)
        self._link: AmiLink | None = None
        self._telephony: TelephonyService | None = None

    @classmethod
    async def start(cls, ground: Ground, secrets: Secrets) -> "Node":
        """Make the prompts and start Asterisk, or take over the one that runs."""
        node = cls(ground, secrets)
        settings = ground.settings
        if "ivr" in ground.rooms:
            node.library = read_flows(settings)
            prompts = settings.data_dir / "prompts"
            node._announcements = announcements(settings, recordings(prompts))
            said = [item for prompt in node._announcements.values() for item in prompt if isinstance(item, Say)]
            node._prompts = await prepare_prompts(
                node.library.flows,
                prompts,
                ground.tell,
                house=[*wait_says(settings.queues), *said, *(callback_says() if settings.outbound.trunk else ())],
            )
            known = {*node._announcements, *(name for flow in node.library.flows for name in flow.announcements)}
            unheard = unknown_messages(settings.queues, known)
            for problem in (*node.library.problems, *node._prompts.warnings, *unheard):
                ground.tell(problem)
        await node._asterisk.start()
        ground.stack.callback(lambda: node.asterisk.let_go())
        return node

    @property
    def asterisk(self) -> PrivateAsterisk:
        """The Asterisk that runs now, or ran last."""
        return self._asterisk.program

    async def _start_asterisk(self) -> PrivateAsterisk:
        settings = self._ground.settings
        return await PrivateAsterisk.start(settings, settings.data_dir, self._secrets, self._ground.tell)

    # --- services -----------------------------------------------------------------------------------------------------

    def open_services(self, store: Store) -> None:
        """Open the services that live beside Asterisk; all inboxes are open before the first fact."""
        if "recorder" in self._ground.rooms:
            self._open_recorder()
        if "ivr" in self._ground.rooms:
            self._open_ivr()
        self._open_cel_reader(store)
        self._open_telephony()

    def _open_recorder(self) -> None:
        ground, settings = self._ground, self._ground.settings
        recorder = RecorderService(
            settings, self.asterisk.monitor_dir, settings.data_dir / "recordings", ground.bus, ground.clock,
            ground.tally, ground.tasks, writer=lambda: self.asterisk.pid,
        )  # fmt: skip
        ground.run(recorder, ground.bus.subscribe(recorder.name, *recorder.kinds))
        messages = MessagesService(
            settings, self.asterisk.dirs.voicemail, settings.data_dir / MESSAGES, ground.bus, ground.clock,
            ground.tally, ground.tasks, writer=lambda: self.asterisk.pid,
        )  # fmt: skip
        ground.run(messages, ground.bus.subscribe(messages.name, *messages.kinds))

    def _open_ivr(self) -> None:
        ground = self._ground
        ivr = IvrService(
            self.library.by_number, ground.bus, ground.clock, ground.tally, ground.tasks,
            sounds=self._prompts.sounds,
            music={QueueId(queue.id): queue.music_class for queue in ground.settings.queues},
            means=self._means(),
            node=self.id,
            router_silent_s=ground.settings.ivr.router_silent_s,
        )  # fmt: skip
        inbox = ground.bus.subscribe(ivr.name, *ivr.kinds)
        ivr.attach(inbox)
        ground.run(ivr, inbox)

    def _means(self) -> Means:
        settings = self._ground.settings
        return Means(
            announcements=self._announcements,
            outbound=dialling.policy(settings),
            message_max_s=settings.ivr.message_max_s,
            forward_s=settings.ivr.forward_ring_s,
            comfort={QueueId(queue.id): queue.comfort for queue in settings.queues},
            grace_s=RING_AT_ONCE_S,
        )

    def _open_cel_reader(self, store: Store) -> None:
        ground = self._ground
        cel = CelReader(self.asterisk.cel_file, self.id, store, ground.spool, ground.spool.keep, ground.tally)
        ground.stack.callback(cel.close)
        ground.tasks.spawn(cel.run(ground.clock), name="cel")

    def _open_telephony(self) -> None:
        """Everything but the link: commands for this node are ours before the first fact, or another process has its name."""
        ground, settings, asterisk = self._ground, self._ground.settings, self.asterisk
        link = self._link = AmiLink(
            self.id, asterisk.ami_host, asterisk.ami_port, asterisk.ami_username, asterisk.ami_secret, settings.ami,
            ground.clock, ground.tally, ground.tasks,
        )  # fmt: skip
        self._telephony = TelephonyService(
            settings.asterisk,
            Lines(self.id, settings.seats.extensions()),
            link,
            ground.bus,
            clock=ground.clock,
            tally=ground.tally,
            tasks=ground.tasks,
            has_sound=SoundShelf(asterisk.dirs.lib / "sounds").has,
        )
        ground.run(self._telephony, ground.bus.subscribe(self._telephony.name, *self._telephony.kinds))
        self._telephony.start()
        if ground.broker is not None:
            ground.broker.on_return.append(lambda: link.ask_resync("broker_back"))

    # --- calls ----------------------------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Link up with Asterisk and take calls. Raises Unavailable when its manager port does not let us in."""
        ground, asterisk = self._ground, self.asterisk
        assert self._link is not None  # `open_services` came first
        assert self._telephony is not None
        await self._link.start()
        try:
            await asyncio.wait_for(self._telephony.became_ready.wait(), READY_TIMEOUT_S)
        except TimeoutError as exc:
            why = self._link.down_reason.replace("_", " ")
            raise Unavailable(
                f"Asterisk's manager port does not let us in: {why}; its log is in {asterisk.log_dir}"
            ) from exc
        self._asterisk.keep()  # the link comes back by itself
        ground.tasks.spawn(self._log_keeper().run(), name="keep-logs")

    def _log_keeper(self) -> LogKeeper:
        dirs, settings = self.asterisk.dirs, self._ground.settings.log
        records = [dirs.cel_file, dirs.log / "cdr-csv" / "Master.csv"]
        return LogKeeper(
            dirs.log / "messages.log", records, lambda command: self.asterisk.tell(command),
            max_bytes=settings.max_bytes, keep=settings.keep,
        )  # fmt: skip

    def readiness(self) -> dict[str, bool]:
        """Return which parts work."""
        return {
            "telephony": self._telephony is not None and self._telephony.ready,
            "asterisk": self.asterisk.running(),
        }

    # --- the end --------------------------------------------------------------------------------------------------------

    async def dismiss_keeper(self) -> None:
        """From here on its end is meant."""
        await self._asterisk.dismiss()

    async def end_calls(self) -> None:
        """Hang up every call, hear its last words, and end Asterisk."""
        if self._telephony is not None:
            await self._telephony.end_calls(LAST_WORDS_S)
        await self.asterisk.stop()

    def close_link(self) -> Awaitable[None]:
        """Leave Asterisk alone from here on."""
        return self._link.close() if self._link is not None else asyncio.sleep(0)

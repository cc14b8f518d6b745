"""The whole start, step by step: what waits for what, and what runs meanwhile.

postgres ─▶ roles ─▶ migrate ─┬▶ workers, beat ─┬▶ demonstration tenant ─▶ first question ─▶ ready
valkey ───────────────────────┼▶ web, gateway ──┘                            │
embedding ────────────────────┘                                              │
model ─▶ engine, proxy, chat ────────────────────────────────────────────────┘
"""

import asyncio
import os
from collections.abc import Mapping

from deploy.commands import ENGINE_NAMES
from deploy.embedded import environment, fonts, ports
from deploy.embedded.children import STOP_STAGES, Children
from deploy.embedded.console import Console
from deploy.embedded.environment import Addresses
from deploy.embedded.errors import ProcessFailedError
from deploy.embedded.memory import measure_stack
from deploy.embedded.process import Process
from deploy.embedded.report import show_ready
from deploy.embedded.roles import Urls
from deploy.embedded.services import (
    apply_roles,
    initdb_process,
    make_cluster,
    make_proxy,
    make_valkey,
    postgres_process,
    proxy_process,
    valkey_process,
)
from deploy.embedded.settings import Settings
from deploy.embedded.state import State
from deploy.embedded.supervisor import Supervisor

PORT_NAMES = ("postgres", "valkey", "embedding", "engine", "web", "gateway")
MODEL_SUFFIX = ".gguf"
ANSWERED = "first-question-answered"
WITHOUT_ENGINE = "none: answers quote the best passages instead"


class Stack:
    def __init__(
        self,
        *,
        settings: Settings,
        state: State,
        console: Console,
        lock: int,
        inherited: Mapping[str, str],
    ) -> None:
        self._settings = settings
        self._state = state
        self._console = console
        self._inherited = inherited
        self._supervisor = Supervisor(console=console, lock=lock, on_change=self._write_status)
        self._secrets = state.secrets()
        self._chats = chat_names(settings.chat_processes)
        self._ports = ports.remembered(state=state, names=(*PORT_NAMES, *self._chats))
        self._own_engine = not settings.engines and settings.model != "none"
        self._phase = "starting"
        self._setup = ""

    async def bring_up(self) -> None:
        """Returns when everything is ready and shown.

        Raises ProcessFailedError when an essential part cannot be started.
        """
        self._write_status()
        tasks = (
            asyncio.create_task(self._start_postgres()),
            asyncio.create_task(self._start_valkey()),
            asyncio.create_task(self._start_embedding()),
            asyncio.create_task(self._start_engine()),
            asyncio.create_task(self._start_proxy()),
            asyncio.create_task(self._start_chat()),
        )
        postgres, valkey, embedding, engine, proxy, chat = tasks
        try:
            urls = await postgres
            await asyncio.gather(self._migrate(urls), valkey, embedding, proxy)
            children = self._children(urls=urls)
            await asyncio.gather(
                *(
                    self._supervisor.start(process)
                    for process in children.platform(
                        web_port=self._ports["web"], gateway_port=self._ports["gateway"]
                    )
                )
            )
            if self._settings.demo:
                await self._run(children.load_demo())
            if self._own_engine and not await engine:
                self._own_engine = False
                await self._go_on_without_engine(urls)
            await chat
            if self._settings.demo:
                await self._ask_first_question(children)
            else:
                self._setup = (await self._run(children.setup_link()))[-1]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        show_ready(
            console=self._console,
            settings=self._settings,
            state=self._state,
            memory=measure_stack(leashes=self._supervisor.pids(), supervisor=os.getpid()),
            engine=self._engine_text(),
            setup=self._setup,
            fonts="" if await asyncio.to_thread(fonts.draws_chinese) else fonts.MISSING,
        )
        self._phase = "ready"
        self._write_status()

    async def shut_down(self) -> None:
        self._phase = "stopping"
        await self._supervisor.stop(STOP_STAGES)
        self._state.clear_status()

    def kill(self) -> None:
        self._supervisor.kill()

    def _write_status(self) -> None:
        self._state.write_status(
            {
                "phase": self._phase,
                "pid": os.getpid(),
                "base_url": self._settings.base_url,
                "seconds": round(self._console.seconds, 2),
                "ports": self._ports,
                "leashes": self._supervisor.pids(),
                "restarts": self._supervisor.restarts(),
            }
        )

    async def _run(self, process: Process) -> list[str]:
        """A one-shot with its output as progress; returns its lines."""
        lines: list[str] = []

        def show(line: str) -> None:
            lines.append(line)
            self._console.progress(process.name, line)

        begin = self._console.seconds
        self._console.progress(process.name, "…")
        await self._supervisor.run_to_end(process, on_line=show)
        self._console.event(process.name, f"done in {self._console.seconds - begin:.1f} s")
        return lines

    async def _start_postgres(self) -> Urls:
        settings = self._settings
        if settings.database_url:
            self._console.event("postgres", "yours (KAREZ_DATABASE_URL)")
            return Urls(owner=settings.owner_database_url, app=settings.database_url)
        cluster, chosen = await asyncio.to_thread(
            make_cluster,
            settings=settings,
            state=self._state,
            secrets=self._secrets,
            port=self._ports["postgres"],
        )
        if cluster.account:
            note = f" ({chosen.note})" if chosen.note else ""
            self._console.event("postgres", f"runs as the account {cluster.account.name}, not as root{note}")
        if not cluster.exists():
            self._console.event("postgres", "creating the database …")
            initdb = await asyncio.to_thread(initdb_process, cluster=cluster, state=self._state)
            try:
                await self._supervisor.run_to_end(initdb)
            finally:
                cluster.forget_password()
            cluster.finish_initialising()
        await self._supervisor.start(postgres_process(cluster=cluster, state=self._state))
        return await asyncio.to_thread(apply_roles, cluster=cluster, secrets=self._secrets)

    async def _start_valkey(self) -> None:
        if self._settings.broker_url:
            self._console.event("valkey", "yours (KAREZ_BROKER_URL)")
            return
        valkey = make_valkey(
            settings=self._settings, state=self._state, secrets=self._secrets, port=self._ports["valkey"]
        )
        await self._supervisor.start(valkey_process(valkey=valkey, state=self._state))

    async def _start_embedding(self) -> None:
        if self._settings.embedding_url:
            self._console.event("embedding", f"yours ({self._settings.embedding_url})")
            return
        await self._supervisor.start(self._children().embedding(port=self._ports["embedding"]))

    async def _start_proxy(self) -> None:
        """First of all: whoever comes early reads that the platform is starting."""
        proxy = make_proxy(
            settings=self._settings,
            state=self._state,
            web_port=self._ports["web"],
            gateway_port=self._ports["gateway"],
            chat_ports=tuple(self._ports[name] for name in self._chats),
        )
        await self._supervisor.start(proxy_process(proxy=proxy, state=self._state))

    async def _start_chat(self) -> None:
        children = self._children()
        processes = [
            children.chat(name=name, port=self._ports[name], web_port=self._ports["web"])
            for name in self._chats
        ]
        await asyncio.gather(*(self._supervisor.start(process) for process in processes))

    async def _start_engine(self) -> bool:
        """Whether our own engine runs. Without one the platform still answers, by quoting."""
        if not self._own_engine:
            return False
        children = self._children()
        try:
            lines = await self._run(children.fetch_model())
            path = next(line for line in reversed(lines) if line.endswith(MODEL_SUFFIX))
            await self._supervisor.start(children.engine(model=path, port=self._ports["engine"]))
        except ProcessFailedError as error:
            self._console.event(error.name, f"failed, going on without an engine: {error.reason}")
            self._console.event("", error.last_lines)
            return False
        return True

    async def _migrate(self, urls: Urls) -> None:
        addresses = self._addresses(urls)
        platform = self._platform_environment(addresses)
        owner = environment.migration(platform_environment=platform, addresses=addresses)
        await self._run(self._children(urls=urls).migrate(owner_environment=owner))

    async def _go_on_without_engine(self, urls: Urls) -> None:
        processes = self._children(urls=urls).platform(
            web_port=self._ports["web"], gateway_port=self._ports["gateway"]
        )
        await asyncio.gather(*(self._supervisor.replace(process) for process in processes))

    async def _ask_first_question(self, children: Children) -> None:
        """Once per state; what goes wrong here is shown and does not end the start."""
        mark = self._state.folder("run") / ANSWERED
        if mark.exists():
            return
        try:
            process = children.first_question()
            self._console.event("first question", "asked through the public API")
            await self._supervisor.run_to_end(process, on_line=lambda line: self._console.text(f"    {line}"))
        except ProcessFailedError as error:
            self._console.event(error.name, f"not answered: {error.reason}")
            return
        mark.touch()
        self._console.event("first question", "answered")

    def _engine_text(self) -> str:
        if self._settings.engines:
            return "yours (KAREZ_ENGINES)"
        return ENGINE_NAMES[self._settings.model] if self._own_engine else WITHOUT_ENGINE

    def _children(self, *, urls: Urls | None = None) -> Children:
        """Without `urls` only those that need no database."""
        platform = self._platform_environment(self._addresses(urls)) if urls else {}
        return Children(
            settings=self._settings,
            state=self._state,
            secrets=self._secrets,
            inherited=self._inherited,
            platform_environment=platform,
        )

    def _platform_environment(self, addresses: Addresses) -> dict[str, str]:
        return environment.platform(
            settings=self._settings, secrets=self._secrets, addresses=addresses, inherited=self._inherited
        )

    def _addresses(self, urls: Urls) -> Addresses:
        return environment.addresses(
            settings=self._settings,
            secrets=self._secrets,
            urls=urls,
            ports=self._ports,
            has_engine=self._own_engine,
        )


def chat_names(count: int) -> tuple[str, ...]:
    return ("chat",) if count == 1 else tuple(f"chat-{number}" for number in range(1, count + 1))

"""The platform's own processes: their command lines, environments and probes."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace

from deploy import commands
from deploy.commands import (
    EMBED_PROCESSES,
    EMBED_QUEUES,
    ENGINE_NAMES,
    PARSE_PROCESSES,
    PARSE_QUEUES,
    WEB_STOP_SECONDS,
)
from deploy.embedded import environment
from deploy.embedded.ports import LOOPBACK
from deploy.embedded.probes import LogLine, http_ok
from deploy.embedded.process import Process
from deploy.embedded.settings import Settings
from deploy.embedded.state import Secrets, State

WORKER_STOP_SECONDS = 9.0  # a warm shutdown: the task under way may end; a killed one is given out again
MODEL_STOP_SECONDS = 1.0  # nothing to save
WATCH_STOP_SECONDS = 2.0
LEDGER_STOP_SECONDS = 2.0  # what it does not get to is taken at the next start
ENGINE_START_SECONDS = 180.0  # a gigabyte from a slow disk
WORKER_SILENT_SECONDS = 30.0

# Ended in this order; within a stage together. The seconds add up to at most 15.
STOP_STAGES = (
    ("web", "gateway", "watch", "beat", "worker-parse", "worker-embed"),
    ("engine", "embedding", "valkey", "ledger"),
    ("postgres",),
)


@dataclass(frozen=True, slots=True)
class Children:
    settings: Settings
    state: State
    secrets: Secrets
    inherited: Mapping[str, str]
    platform_environment: Mapping[str, str]

    def migrate(self, *, owner_environment: Mapping[str, str]) -> Process:
        return self._python(
            name="migrate",
            arguments=commands.migrate(),
            environment=owner_environment,
        )

    def setup_link(self) -> Process:
        return self._python(name="setup-link", arguments=commands.setup_link())

    def load_demo(self) -> Process:
        return self._python(name="load-demo", arguments=commands.load_demo())

    def first_question(self) -> Process:
        return self._python(
            name="first-question",
            arguments=("-m", "deploy.embedded.first_question", str(self.state.access_file), *self._address()),
            environment=environment.common(settings=self.settings, inherited=self.inherited),
        )

    def _address(self) -> tuple[str, ...]:
        """From this machine, where the name that others use may lead elsewhere, or nowhere yet."""
        certificate = self.settings.certificate
        pinned = ("--certificate", str(certificate.chain)) if certificate else ()
        return "--address", self.settings.local_url, *pinned

    def fetch_model(self) -> Process:
        cache = ("--cache-dir", self.settings.cache_dir) if self.settings.cache_dir else ()
        return self._python(
            name="model",
            arguments=("-m", "inference.bundled", "fetch", self.settings.model, *cache),
            environment=environment.common(settings=self.settings, inherited=self.inherited),
        )

    def engine(self, *, model: str, port: int) -> Process:
        """`model`: path of the GGUF file."""
        alias = ENGINE_NAMES[self.settings.model]
        process = self._python(
            name="engine",
            arguments=commands.engine(model=model, alias=alias, host=LOOPBACK, port=port),
            environment=self._model_environment(KAREZ_ENGINE_API_KEY=self.secrets.engine_api_key),
        )
        return replace(
            process,
            ready=http_ok(port=port, path="/health"),
            ready_seconds=ENGINE_START_SECONDS,
            stop_seconds=MODEL_STOP_SECONDS,
            note=f"{alias} on {LOOPBACK}:{port}",
        )

    def embedding(self, *, port: int) -> Process:
        model = self.settings.embedding_model
        process = self._python(
            name="embedding",
            arguments=commands.embedding(model=model, host=LOOPBACK, port=port),
            environment=self._model_environment(KAREZ_EMBEDDING_API_KEY=self.secrets.embedding_api_key),
        )
        return replace(
            process,
            ready=http_ok(port=port, path="/health"),
            stop_seconds=MODEL_STOP_SECONDS,
            note=f"{model} on {LOOPBACK}:{port}",
        )

    def worker(self, *, short_name: str, queues: str, processes: int) -> Process:
        process = self._python(
            name=f"worker-{short_name}",
            arguments=commands.worker(short_name=short_name, queues=queues, processes=processes),
        )
        written = LogLine(log=process.log, text=" ready.", otherwise_seconds=WORKER_SILENT_SECONDS)
        return replace(
            process,
            ready=written,
            before_start=written.forget,
            stop_seconds=WORKER_STOP_SECONDS,
            note=f"queues {queues}",
        )

    def beat(self) -> Process:
        schedule = str(self.state.folder("run") / "beat-schedule")
        process = self._python(name="beat", arguments=commands.beat(schedule=schedule))
        started = LogLine(log=process.log, text="beat", otherwise_seconds=WORKER_SILENT_SECONDS)
        return replace(process, ready=started, before_start=started.forget)

    def chat(self, *, name: str, port: int, web_port: int) -> Process:
        settings = self.settings
        control_url = f"http://{LOOPBACK}:{web_port}{settings.url_prefix}"
        process = self._python(
            name=name,
            arguments=commands.chat(host=LOOPBACK, port=port),
            environment=environment.chat(
                settings=settings, control_url=control_url, inherited=self.inherited
            ),
        )
        ready = http_ok(port=port, path=f"{settings.url_prefix}/chat/healthz")
        return replace(process, ready=ready, note=f"{LOOPBACK}:{port}")

    def web(self, *, port: int) -> Process:
        process = self._python(name="web", arguments=commands.web(host=LOOPBACK, port=port))
        # Any answer of the application will do; it has no more to say before the database is loaded.
        ready = http_ok(port=port, path="/healthz", below=500)
        return replace(process, ready=ready, stop_seconds=WEB_STOP_SECONDS, note=f"{LOOPBACK}:{port}")

    def gateway(self, *, port: int) -> Process:
        process = self._python(name="gateway", arguments=commands.gateway(host=LOOPBACK, port=port))
        ready = http_ok(port=port, path="/healthz", below=500)
        return replace(process, ready=ready, stop_seconds=WEB_STOP_SECONDS, note=f"{LOOPBACK}:{port}")

    def ledger(self) -> Process:
        return replace(
            self._python(name="ledger", arguments=commands.ledger()), stop_seconds=LEDGER_STOP_SECONDS
        )

    def watch(self) -> Process:
        return replace(
            self._python(name="watch", arguments=commands.watch()), stop_seconds=WATCH_STOP_SECONDS
        )

    def platform(self, *, web_port: int, gateway_port: int) -> tuple[Process, ...]:
        """What needs the database, and everything before it."""
        return (
            self.web(port=web_port),
            self.gateway(port=gateway_port),
            self.ledger(),
            self.watch(),
            self.worker(short_name="parse", queues=PARSE_QUEUES, processes=PARSE_PROCESSES),
            self.worker(short_name="embed", queues=EMBED_QUEUES, processes=EMBED_PROCESSES),
            self.beat(),
        )

    def _python(
        self, *, name: str, arguments: tuple[str, ...], environment: Mapping[str, str] | None = None
    ) -> Process:
        return Process(
            name=name,
            command=(sys.executable, *arguments),
            environment=self.platform_environment if environment is None else environment,
            log=self.state.log(name),
            directory=self.settings.root,
        )

    def _model_environment(self, **keys: str) -> dict[str, str]:
        return {
            **environment.offline(environment.common(settings=self.settings, inherited=self.inherited)),
            **keys,
        }

"""PostgreSQL, Valkey and Caddy as supervised processes."""

import signal

from deploy.embedded import roles
from deploy.embedded.ports import LOOPBACK
from deploy.embedded.postgres import MINIMAL_ENVIRONMENT, STOP_SIGNAL, Cluster, Place, place
from deploy.embedded.probes import accepts, blocking
from deploy.embedded.process import Process
from deploy.embedded.proxy import Proxy
from deploy.embedded.proxy import find_binary as find_caddy
from deploy.embedded.settings import Settings, local_host
from deploy.embedded.state import Secrets, State
from deploy.embedded.valkey import Valkey, find_binary

POSTGRES_STOP_SECONDS = 4.0
VALKEY_STOP_SECONDS = 2.0
PROXY_STOP_SECONDS = 5.0  # its own patience with requests under way is a second less


def make_cluster(*, settings: Settings, state: State, secrets: Secrets, port: int) -> tuple[Cluster, Place]:
    chosen = place(state=state.directory, configured_binaries=settings.postgres_binaries)
    cluster = Cluster(
        binaries=chosen.binaries,
        data=chosen.data,
        port=port,
        account=chosen.account,
        superuser_password=secrets.postgres_superuser,
    )
    return cluster, chosen


def initdb_process(*, cluster: Cluster, state: State) -> Process:
    return Process(
        name="initdb",
        command=tuple(cluster.begin_initialising()),
        environment=MINIMAL_ENVIRONMENT,
        log=state.log("postgres"),
        account=cluster.account,
    )


def postgres_process(*, cluster: Cluster, state: State) -> Process:
    def before_start() -> None:
        cluster.write_configuration()
        cluster.clear_stale_pid()

    return Process(
        name="postgres",
        command=tuple(cluster.command()),
        environment=MINIMAL_ENVIRONMENT,
        log=state.log("postgres"),
        account=cluster.account,
        ready=blocking(cluster.is_ready),
        before_start=before_start,
        stop_signal=STOP_SIGNAL,
        death_signal=signal.SIGINT,
        stop_seconds=POSTGRES_STOP_SECONDS,
        note=f"127.0.0.1:{cluster.port}",
    )


def apply_roles(*, cluster: Cluster, secrets: Secrets) -> roles.Urls:
    return roles.apply(
        cluster=cluster, owner_password=secrets.postgres_owner, app_password=secrets.postgres_app
    )


def make_valkey(*, settings: Settings, state: State, secrets: Secrets, port: int) -> Valkey:
    return Valkey(
        binary=find_binary(settings.valkey_binary),
        directory=state.folder("valkey"),
        port=port,
        password=secrets.valkey,
    )


def valkey_process(*, valkey: Valkey, state: State) -> Process:
    return Process(
        name="valkey",
        command=tuple(valkey.command()),
        environment=MINIMAL_ENVIRONMENT,
        log=state.log("valkey"),
        directory=valkey.directory,
        ready=blocking(valkey.is_ready),
        before_start=valkey.write_configuration,
        stop_seconds=VALKEY_STOP_SECONDS,
        note=f"127.0.0.1:{valkey.port}",
    )


def make_proxy(
    *, settings: Settings, state: State, web_port: int, gateway_port: int, chat_ports: tuple[int, ...]
) -> Proxy:
    return Proxy(
        binary=find_caddy(settings.caddy_binary),
        directory=state.folder("proxy"),
        host=settings.host,
        port=settings.port,
        prefix=settings.url_prefix,
        web=f"{LOOPBACK}:{web_port}",
        gateway=(f"{LOOPBACK}:{gateway_port}",),
        chat=tuple(f"{LOOPBACK}:{port}" for port in chat_ports),
        certificate=settings.certificate,
        trusted=settings.trusted_proxies,
        hsts_seconds=settings.hsts_seconds,
    )


def proxy_process(*, proxy: Proxy, state: State) -> Process:
    return Process(
        name="proxy",
        command=tuple(proxy.command()),
        environment=proxy.environment(),
        log=state.log("proxy"),
        directory=proxy.directory,
        ready=accepts(host=local_host(proxy.host), port=proxy.port),
        stop_seconds=PROXY_STOP_SECONDS,
        note=f"{proxy.host}:{proxy.port}",
    )

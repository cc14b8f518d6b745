"""The command line of each of the platform's own processes, after `python`: the one place where they are written.

The embedded start runs these; docker-compose.yml spells them out, and a test holds the two together.
"""

WEB_STOP_SECONDS = 5.0
ENGINE_SLOTS = 2
ENGINE_CONTEXT_TOKENS = 4096
ENGINE_NAMES = {"1.5b": "qwen2.5-coder-1.5b", "0.5b": "qwen2.5-coder-0.5b"}
# Both take `default` besides: the sweep must not wait behind long embeddings, nor behind a long parse.
PARSE_QUEUES, PARSE_PROCESSES = "parse,default", 1
# Four: with two the embedding service was idle a third of the time, while both loaded batches into the database.
EMBED_QUEUES, EMBED_PROCESSES = "embed,default", 4
CELERY = ("-m", "celery", "-A", "controlplane")

Command = tuple[str, ...]


def migrate() -> Command:
    return "manage.py", "migrate", "--noinput"


def load_demo() -> Command:
    return "manage.py", "load_demo"


def setup_link() -> Command:
    """Prints where the first administrator sets the platform up."""
    return "manage.py", "setup_link"


def web(*, host: str, port: int) -> Command:
    listen = ("--host", host, "--port", str(port))
    stop = ("--timeout-graceful-shutdown", str(int(WEB_STOP_SECONDS) - 1))
    # Whom to believe about a client's address is the application's own business (asgi.py).
    heads = ("--no-proxy-headers", "--no-server-header")
    protocol = ("--http", "controlplane.core.joined_writes:JoinedWrites")
    return "-m", "uvicorn", "controlplane.asgi:application", *listen, *stop, *heads, *protocol


def gateway(*, host: str, port: int) -> Command:
    """The same application in processes of its own, for `/v1`: no page or report of the console holds a token up there."""
    return *web(host=host, port=port), "--no-access-log"


def ledger() -> Command:
    """One a machine: it reads what the processes there have noted."""
    return "manage.py", "ledger"


def watch() -> Command:
    """Of those that run, one works and the others wait: the database decides."""
    return "manage.py", "watch_engines"


def worker(*, short_name: str, queues: str, processes: int) -> Command:
    pool = ("-Q", queues, "-c", str(processes), "--pool", "prefork")
    quiet = ("--without-gossip", "--without-mingle", "-l", "INFO")
    return *CELERY, "worker", *pool, "-n", f"{short_name}@%h", *quiet


def beat(*, schedule: str) -> Command:
    """Without a file of its process id: whoever starts it keeps a second one out."""
    return *CELERY, "beat", "-s", schedule, "--pidfile", "", "-l", "INFO"


def engine(*, model: str, alias: str, host: str, port: int) -> Command:
    """`model`: path of the GGUF file."""
    listen = ("--host", host, "--port", str(port))
    limits = ("--slots", str(ENGINE_SLOTS), "--context", str(ENGINE_CONTEXT_TOKENS))
    return "-m", "inference.llamacpp.server", "--model", model, "--alias", alias, *listen, *limits


def embedding(*, model: str, host: str, port: int) -> Command:
    return "-m", "inference.embedding.server", "--model", model, "--host", host, "--port", str(port)


def chat(*, host: str, port: int) -> Command:
    return "-m", "frontend.chat", "--host", host, "--port", str(port)

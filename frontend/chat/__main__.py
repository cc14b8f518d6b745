"""`python -m frontend.chat --port 8002 [--host 127.0.0.1]`"""

import argparse
import os
import sys

import structlog
import uvicorn

from frontend.chat.settings import Settings, SettingsError, load_settings


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m frontend.chat", description="Karez department chatbots")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    arguments = parser.parse_args()
    try:
        settings = load_settings(os.environ)
    except SettingsError as error:
        sys.exit(str(error))
    prepare(settings)
    # Gradio is slow to import: not before the settings are known to be right.
    from frontend.chat.application import make_application

    uvicorn.run(
        make_application(settings),
        host=arguments.host,
        port=arguments.port,
        log_level="warning",
        access_log=False,
        # Its state is in this process: a second worker would know nothing of the first one's answers.
        workers=1,
        timeout_graceful_shutdown=3,
        # Longer than a proxy keeps its connections: it never sends into one that is just being closed.
        timeout_keep_alive=130,
        server_header=False,
    )


def prepare(settings: Settings) -> None:
    """A directory for Gradio that nobody else reads. Nothing is ever put into it."""
    directory = settings.state_dir / "chat"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    directory.chmod(0o700)
    os.environ["GRADIO_TEMP_DIR"] = str(directory)
    # Gradio looks for it twice in every call, through all of the import path: 2 ms that are not spent.
    sys.modules.setdefault("matplotlib", None)  # type: ignore[arg-type]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


if __name__ == "__main__":
    main()

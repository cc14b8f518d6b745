"""What the process is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


class SettingsError(Exception):
    """A variable is missing or malformed; the text names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`control_url` is where this process reaches the platform, prefix included; `prefix` is what browsers put before paths."""

    control_url: str
    prefix: str
    state_dir: Path

    @property
    def path(self) -> str:
        """Where the chat is served."""
        return f"{self.prefix}/chat"


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Raises SettingsError."""
    control = environ.get("KAREZ_CONTROL_URL", "").rstrip("/")
    parts = urlsplit(control)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise SettingsError(
            "KAREZ_CONTROL_URL has to be the platform's address, for example http://127.0.0.1:8001"
        )
    prefix = environ.get("KAREZ_URL_PREFIX", "").rstrip("/")
    if prefix and not (prefix.startswith("/") and not prefix.startswith("//") and prefix.isascii()):
        raise SettingsError("KAREZ_URL_PREFIX has to begin with a slash, for example /llm")
    return Settings(
        control_url=control, prefix=prefix, state_dir=Path(environ.get("KAREZ_STATE_DIR", "var")).resolve()
    )

from pathlib import Path

import pytest

from frontend.chat.settings import SettingsError, load_settings


def test_what_is_read() -> None:
    settings = load_settings(
        {
            "KAREZ_CONTROL_URL": "http://127.0.0.1:1/llm/",
            "KAREZ_URL_PREFIX": "/llm/",
            "KAREZ_STATE_DIR": "/tmp/s",
        }
    )
    assert (settings.control_url, settings.prefix) == ("http://127.0.0.1:1/llm", "/llm")
    assert settings.path == "/llm/chat"
    assert settings.state_dir == Path("/tmp/s")
    assert load_settings({"KAREZ_CONTROL_URL": "http://h"}).path == "/chat"


@pytest.mark.parametrize(
    ("environ", "variable"),
    [
        ({}, "KAREZ_CONTROL_URL"),
        ({"KAREZ_CONTROL_URL": "ftp://h"}, "KAREZ_CONTROL_URL"),
        ({"KAREZ_CONTROL_URL": "http://h", "KAREZ_URL_PREFIX": "llm"}, "KAREZ_URL_PREFIX"),
        ({"KAREZ_CONTROL_URL": "http://h", "KAREZ_URL_PREFIX": "//evil.example"}, "KAREZ_URL_PREFIX"),
    ],
)
def test_what_is_wrong_is_named(environ: dict[str, str], variable: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        load_settings(environ)

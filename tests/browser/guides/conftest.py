"""A browser of each language: its own widgets, dates and file choosers, are in the language that it was started in.

Chinese ones need the package chromium-l10n; without it they are English.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserType

Launch = Callable[[str], Browser]


@pytest.fixture(scope="session")
def launch(browser_type: BrowserType, browser_type_launch_args: dict[str, Any]) -> Iterator[Launch]:
    running: dict[str, Browser] = {}

    def begin(language: str) -> Browser:
        if language not in running:
            environment = {**os.environ, "LANGUAGE": language.replace("-", "_")}
            running[language] = browser_type.launch(**{**browser_type_launch_args, "env": environment})
        return running[language]

    yield begin
    for browser in running.values():
        browser.close()


@pytest.fixture
def browser(request: pytest.FixtureRequest, launch: Launch) -> Browser:
    """In the language of the test's content."""
    given = request.node.callspec.params
    content = given.get("stage") or given.get("content")
    return launch(content.language if content else given["language"])

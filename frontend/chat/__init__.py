"""Department chatbots: a Gradio application in a process of its own, which holds no data and no secret.

client         HTTP of the platform
session        who is asking: the browser's cookie turned into a short-lived token
running        answers that are being given, whoever is watching
views          what the page is told of conversations, messages and sources
handlers       the functions that the page calls through Gradio
layout         the Gradio Blocks
gate           the ASGI middleware in front of Gradio: which paths, whose, with which headers
application    all of it put together
page/          style sheet and scripts
"""

import os

# Before Gradio is imported anywhere: it reads these once, and would look for hosts outside.
os.environ.update(
    GRADIO_ANALYTICS_ENABLED="False",
    GRADIO_MCP_SERVER="False",
    GRADIO_SSR_MODE="False",
    GRADIO_RUN_HISTORY="False",
    # It would sum up its queue with pandas after every call, for a page that is closed.
    GRADIO_ANALYTICS_MAX_EVENTS="64",
    GRADIO_ANALYTICS_CACHE_FREQUENCY="1000000000",
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    DO_NOT_TRACK="1",
)

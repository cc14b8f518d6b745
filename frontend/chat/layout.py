"""The Gradio Blocks. Gradio carries the page, its events and their queue; what is seen inside is drawn by `page/`.

Its chat component sends the whole history with every repaint and has English in it; its HTML component needs `eval`, which
the page's content security policy refuses. So the page is one empty container, and the events are called by name.
"""

import sys

import gradio as gr
from gradio.events import api

from frontend.chat.handlers import Handlers

# Of what is waited for in the queue; answers themselves run in tasks of their own.
_MOST_EVENTS = 1024
CONTAINER = "karez-chat"

# Called once and answered at once.
CALLS = (
    "boot",
    "conversations",
    "conversation",
    "create",
    "rename",
    "remove",
    "feedback",
    "files",
    "file_remove",
    "source",
    "stop",
)
# Answered bit by bit.
STREAMS = ("ask", "watch")


def build(*, handlers: Handlers, title: str) -> gr.Blocks:
    blocks: gr.Blocks
    with gr.Blocks(title=title, fill_height=True, fill_width=True, analytics_enabled=False) as blocks:
        gr.Column(elem_id=CONTAINER)
        for name in CALLS:
            api(getattr(handlers, name), api_name=name, queue=False, api_visibility="undocumented")
        for name in STREAMS:
            api(getattr(handlers, name), api_name=name, concurrency_limit=None, api_visibility="undocumented")
    blocks.queue(default_concurrency_limit=None, max_size=_MOST_EVENTS, api_open=False)
    blocks._queue.max_thread_count = _MOST_EVENTS  # what launch(max_threads=…) would set
    # Gradio would count anew after each call, over the last 10,000 of them.
    blocks._queue.ANALYTICS_MAX_EVENTS = 1
    blocks._queue.ANAYLTICS_CACHE_FREQUENCY = sys.maxsize
    return blocks

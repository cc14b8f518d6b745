"""Anthropic's Messages, translated to chat completions and back: pure functions and one stream."""

from inference.gateway.anthropic.answer import error_body, message_of
from inference.gateway.anthropic.request import MessagesError, chat_request
from inference.gateway.anthropic.stream import MessageStream

__all__ = ["MessageStream", "MessagesError", "chat_request", "error_body", "message_of"]

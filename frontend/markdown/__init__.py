"""Markdown of answers as safe HTML, for the chat's page and the console's: markdown-it-py alone, nothing of the platform."""

"""Which replica answers a request, and which model a question without one.

Everything is decided from memory in one event loop: what this process has under way, what the engines told last of
themselves, and what went wrong with them lately. Who may ask, and in which turn, is decided before (``inference.admission``).
"""

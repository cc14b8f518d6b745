"""The data plane's own parts: connections to engines, and streams rewritten as they pass.

They are written for throughput, in one event loop and without locks: everything here belongs to the loop that made it.
"""

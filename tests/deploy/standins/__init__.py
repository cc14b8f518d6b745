"""A project with the command lines of Karez and nothing behind them, to test the start itself with.

The folder is copied to a place of the test's own, which then is "the repository".
"""

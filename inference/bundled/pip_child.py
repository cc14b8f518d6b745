"""Runs ``pip`` in a process that ends with its parent; started by file path, never imported."""

import ctypes
import runpy
import signal
import sys

ctypes.CDLL(None).prctl(1, int(signal.SIGKILL), 0, 0, 0)  # PR_SET_PDEATHSIG
sys.argv[0] = "pip"
runpy.run_module("pip", run_name="__main__", alter_sys=True)

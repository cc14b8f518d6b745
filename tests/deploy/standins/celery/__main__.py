import sys
import time

from answers import option, record

kind = next(word for word in sys.argv if word in ("worker", "beat"))
name = option("-n").split("@")[0] if kind == "worker" else "beat"
record(name)
print(f"celery {name}@here ready." if kind == "worker" else "beat: Starting...", flush=True)
time.sleep(600)

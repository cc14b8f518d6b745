import sys

from answers import serve

serve("gateway" if "--no-access-log" in sys.argv else "web")

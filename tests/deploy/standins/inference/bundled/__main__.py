import os
import sys
from pathlib import Path

if "STANDIN_NO_MODEL" in os.environ:
    sys.exit("No source has 0.5b")
print("0.5b: downloading 50 %", file=sys.stderr)
print(Path("model.gguf").resolve())

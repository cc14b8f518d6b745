import json
import os
import sys
import time
from pathlib import Path

import psycopg
from answers import record

os.environ["STANDIN_ARGUMENTS"] = json.dumps(sys.argv)
record(sys.argv[1])
if sys.argv[1] in ("ledger", "watch_engines"):
    time.sleep(600)
if sys.argv[1] == "fail":
    sys.exit(3)
with psycopg.connect(os.environ["KAREZ_DATABASE_URL"], autocommit=True) as connection:
    if sys.argv[1] == "migrate":
        connection.execute("CREATE TABLE IF NOT EXISTS started (at timestamptz DEFAULT now())")
    else:
        connection.execute("INSERT INTO started DEFAULT VALUES")
        count = connection.execute("SELECT count(*) FROM started").fetchone()[0]
        access = {
            "base_url": os.environ["KAREZ_BASE_URL"],
            "admin": {"email": "admin@example.com", "password": "x"},
            "tenants": [
                {
                    "slug": "demo",
                    "departments": [{"slug": "finance", "assistant": "finance", "api_key": "kz_demo"}],
                }
            ],
            "starts": count,
        }
        path = Path(os.environ["KAREZ_STATE_DIR"], "access.json")
        path.touch(mode=0o600)
        path.write_text(json.dumps(access))

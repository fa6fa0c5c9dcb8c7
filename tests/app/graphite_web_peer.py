"""Runs a real graphite-web in one process and asks it what it is told to on standard input.

Started by `test_graphite_oracle.py` with the interpreter that has graphite-web; imports nothing of
Gnomon. The first line is the data: `{"folder", "now", "series": [{"path", "step", "points"}],
"events": [...]}`. Each further line is a request `{"path", "params": [[name, value], ...]}` and is
answered by a line `{"status", "body"}`.
"""

import json
import os
import sys
import warnings
from pathlib import Path
from urllib.parse import urlencode

SETTINGS = """
SECRET_KEY = "only for this test"
STORAGE_DIR = {folder!r}
WHISPER_DIR = {folder!r} + "/whisper"
STANDARD_DIRS = [WHISPER_DIR]
LOG_DIR = {folder!r}
INDEX_FILE = {folder!r} + "/index"
CARBONLINK_HOSTS = []
USE_WORKER_POOL = False
DEFAULT_CACHE_DURATION = 0
LOG_INFO_PERFORMANCE = False
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": {folder!r} + "/db"}}}}
"""


def start(folder):
    """Configures graphite-web below a folder of its own."""
    warnings.simplefilter("ignore")
    Path(folder, "whisper").mkdir(parents=True)
    Path(folder, "peer_settings.py").write_text(SETTINGS.format(folder=folder))
    sys.path.insert(0, folder)
    os.environ["GRAPHITE_SETTINGS_MODULE"] = "peer_settings"
    os.environ["DJANGO_SETTINGS_MODULE"] = "graphite.settings"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, run_syncdb=True)


def freeze(now):
    """Nothing in graphite-web may see another time than `now`."""
    import time
    from datetime import datetime

    from graphite.render import attime

    class Frozen(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.fromtimestamp(now, tz)

    attime.datetime = Frozen
    time.time = lambda: float(now)


def store(folder, series, now):
    """Writes Whisper files, and tags for series that have some."""
    import whisper
    from graphite.storage import STORE
    from graphite.tags.utils import TaggedSeries

    for one in series:
        relative = TaggedSeries.encode(one["path"], sep="/")
        file = Path(folder, "whisper", f"{relative}.wsp")
        file.parent.mkdir(parents=True, exist_ok=True)
        path = str(file)
        whisper.create(path, [(one["step"], 40 * 86400 // one["step"])], xFilesFactor=0)
        whisper.update_many(path, [tuple(point) for point in one["points"]], now=now)
        STORE.tagdb.tag_series(one["path"])


def main():
    data = json.loads(sys.stdin.readline())
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever graphite-web prints is no answer
    start(data["folder"])
    freeze(data["now"])
    store(data["folder"], data["series"], data["now"])
    from django.test import Client

    client = Client(raise_request_exception=False)
    for event in data["events"]:
        client.post("/events/", json.dumps(event), content_type="application/json")
    for line in sys.stdin:
        asked = json.loads(line)
        answer = client.get(
            asked["path"] + "?" + urlencode([tuple(pair) for pair in asked["params"]])
        )
        body = answer.content.decode("utf-8", "replace")
        answers.write(json.dumps({"status": answer.status_code, "body": body}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()

"""As `labelkit.train.few_shot_child`, without torch: python fake_tuner.py DIR JOB

The job's ``model`` says what comes of it: ``worse``, ``nobody`` to learn from, ``same`` for labels that
are what the model says, else something better.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from labelkit.store import Store
from labelkit.store.process import database, report_path
from labelkit.train.few_shot_files import KIND, curve_path


def main(folder: Path, job_id: int) -> int:
    with Store.open(database(folder)) as store:
        job = store.jobs.start(job_id)
        if job.arguments["model"] == "nobody":
            store.jobs.fail(job, "no face has a confirmed point")
            return 1
        model = job.arguments["model"]
        before, after = {"worse": (3.0, 3.5), "same": (0.0, 0.0)}.get(model, (3.0, 2.5))
        curve_path(folder, job_id).write_text(f"step,loss,val_nme\n0,,{before}\n20,0.02,{after}\n")
        report = {
            "name": f"{job.arguments['name']}-0001",
            "parent": "base@0123456789ab",
            "problems": [],
            "cancelled": False,
            "faces": 4,
            "people": 4,
            "before": before,
            "after": after,
            "checked": 4,
            "how": "leaving people out in turn",
            "stage": "none" if model == "same" else "heads",
        }
        report_path(folder, KIND, job_id).write_text(json.dumps(report))
        store.jobs.beat(job, 4, 4)
        store.jobs.finish(job, report["name"])
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))

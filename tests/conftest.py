"""What holds for every test: one thread, no screen, no network account, the same examples each run."""

import os
import tempfile

# Before numpy, LightGBM and matplotlib are imported: they read these once.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("WANDB_MODE", "offline")
os.environ.setdefault("WANDB_SILENT", "true")
# Nobody's own progress through the labs is touched.
os.environ["MLSD_PROGRESS"] = os.path.join(tempfile.mkdtemp(), "progress.jsonl")

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None, database=None, print_blob=False)
settings.register_profile("explore", max_examples=1000, deadline=None)  # HYPOTHESIS_PROFILE=explore
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

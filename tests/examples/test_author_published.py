from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_the_script_writes_the_committed_schemes(tmp_path: Path) -> None:
    script = REPOSITORY / "examples" / "author_published.py"
    subprocess.run([sys.executable, script, tmp_path], check=True, timeout=300)
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(written) == {f"{name}.json" for name in ("cofw29", "aflw19", "celeba5", "merl68", "jd106")}
    for name, content in written.items():
        assert content == (REPOSITORY / "schemes" / name).read_bytes(), name

import pytest

from labelkit.detect import YUNET_VARIABLE


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test sees a YuNet file that this machine happens to have, or leaves one behind."""
    monkeypatch.setenv("LABELKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(YUNET_VARIABLE, raising=False)

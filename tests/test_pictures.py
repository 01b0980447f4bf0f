"""The pictures in the documentation: they are there, and the script makes them."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"


@pytest.fixture(scope="module")
def pictures() -> ModuleType:
    """The script."""
    spec = importlib.util.spec_from_file_location("pictures", DOCS / "pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["pictures"] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules["pictures"]


def words_of(path: Path) -> str:
    """What is to be read in a picture."""
    texts = (each.text or "" for each in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text"))
    return "\n".join(texts).replace("\u00a0", " ")


def test_each_is_there_small_and_shown_in_the_documentation(pictures: ModuleType) -> None:
    assert {path.stem for path in (DOCS / "pictures").glob("*.svg")} == set(pictures.PICTURES)
    page = (DOCS / "tui.md").read_text()
    for name, picture in pictures.PICTURES.items():
        path = DOCS / "pictures" / f"{name}.svg"
        assert path.stat().st_size <= pictures.LARGEST
        assert f"vppsh: {name.capitalize()}" in words_of(path)
        assert picture.seen in words_of(path)
        assert f"](pictures/{name}.svg)" in page


def test_one_is_made(pictures: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vppsh.engine import dispatch

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(dispatch, "perf_counter_ns", dispatch.perf_counter_ns)  # type: ignore[attr-defined]  # put back afterwards
    monkeypatch.setattr(pictures, "SECONDS", 22)
    words = words_of(asyncio.run(pictures.draw("errors", tmp_path)))
    assert "blackholed packets" in words
    assert "Causes" in words

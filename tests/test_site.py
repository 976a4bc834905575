"""The check that a built site loads nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.site import main, remote

SITE = """<html><head>
<link rel="canonical" href="https://docs.example.com/"><link rel="stylesheet" href="assets/main.css">
<style>body { background: url(assets/paper.png) }</style></head>
<body><a href="https://example.com">a link</a><img src="logo.svg">
<script src="assets/main.js"></script></body></html>"""


def test_a_site_of_its_own_files_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Links to follow load nothing."""
    (tmp_path / "index.html").write_text(SITE)
    (tmp_path / "main.css").write_text("@font-face { src: url(fonts/a.woff2) } i { background: url('data:,//x') }")

    assert 0 == main(tmp_path)
    assert "1 pages, 0 of their loads" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('src="logo.svg"', 'src="https://cdn.example.com/logo.svg"'),
        ('src="assets/main.js"', 'src="//cdn.example.com/main.js"'),
        ('href="assets/main.css"', 'href="http://fonts.example.com/css"'),
        ("url(assets/paper.png)", 'url("https://cdn.example.com/paper.png")'),
        ('rel="canonical"', 'rel="preconnect"'),
    ],
)
def test_what_is_loaded_from_elsewhere_is_found(old: str, new: str, tmp_path: Path) -> None:
    """By whatever element, or by a style."""
    (tmp_path / "index.html").write_text(SITE.replace(old, new))

    assert 1 == len(list(remote(tmp_path)))
    assert 1 == main(tmp_path)


def test_a_style_sheet_of_its_own_is_looked_at(tmp_path: Path) -> None:
    """Its imports too."""
    (tmp_path / "index.html").write_text(SITE)
    (tmp_path / "a.css").write_text("@import 'https://fonts.example.com/css';")

    assert 1 == main(tmp_path)


def test_no_site_is_no_success(tmp_path: Path) -> None:
    """So that a build that wrote nothing is noticed."""
    assert 1 == main(tmp_path)

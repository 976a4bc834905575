"""Whether a built site loads anything from elsewhere: `python -m tests.site site`.

Looked at are the attributes and the style sheets by which a browser loads something; links to follow are none.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

#: the attributes that make a browser load something, by element; "*" is any
LOADS = {"*": ("src", "srcset", "poster", "background"), "link": ("href",), "object": ("data",), "use": ("href",)}
#: links that name a page instead of loading one
NAMES = {"canonical", "alternate", "next", "prev", "author", "license"}
REMOTE = re.compile(r"(?:https?:)?//", re.IGNORECASE)


class _Page(HTMLParser):
    """What one page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._style = tag == "style"
        if tag == "link" and set(given.get("rel", "").split()) & NAMES:
            return
        names = LOADS["*"] + LOADS.get(tag, ())
        self.loaded += [given[name] for name in names if name in given]
        self.loaded += styled(given.get("style", ""))

    def handle_data(self, data: str) -> None:
        if self._style:
            self.loaded += styled(data)


def styled(text: str) -> list[str]:
    """What a style sheet loads."""
    imported = re.findall(r"@import\s+[\"']([^\"']+)", text)
    return imported + [url.strip("\"' ") for url in re.findall(r"url\(([^)]*)\)", text)]


def remote(folder: Path) -> Iterator[tuple[Path, str]]:
    """Each file of the site that loads something from elsewhere, and what."""
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".html":
            page = _Page()
            page.feed(path.read_text(encoding="utf-8"))
            loaded = page.loaded
        elif path.suffix == ".css":
            loaded = styled(path.read_text(encoding="utf-8"))
        else:
            continue
        yield from ((path, what) for what in loaded if REMOTE.match(what))


def main(folder: Path) -> int:
    """The exit code: 1 where something is loaded from elsewhere, or there is no site."""
    found = list(remote(folder))
    for path, what in found:
        print(f"{path}: loads {what}")
    pages = len(list(folder.rglob("*.html")))
    print(f"{folder}: {pages} pages, {len(found)} of their loads go elsewhere")
    return 1 if found or not pages else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

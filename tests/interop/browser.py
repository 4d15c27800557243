"""Somebody who looks at Sidekiq's Web UI and presses its buttons."""

import html
import http.cookiejar
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime
from typing import Any

import attrs

TIMEOUT = 10.0

_TOKEN = re.compile(r"name='authenticity_token' value='([^']+)'")
_SUMMARY = re.compile(r'<span id="txt(\w+)" class="count">([\d,]+)</span>')
_STATS = re.compile(r'<div class="stat">\s*<h3>([^<]*)</h3>\s*<p>([^<]*)</p>')
_ROW = re.compile(r"<tr[ >].*?</tr>", re.DOTALL)
_CELL = re.compile(r"<t[dh][ >].*?</t[dh]>", re.DOTALL)
_LINK = re.compile(r'href="([^"]+)"')
_TIME = re.compile(r'datetime="([^"]+)"')
_TAG = re.compile(r"<[^>]*>")


@attrs.frozen
class Page:
    """What came back.

    Attributes:
        status: of HTTP.
        text: the HTML.
    """

    status: int
    text: str

    @property
    def summary(self) -> dict[str, int]:
        """The numbers at the top of every page."""
        return {
            name.lower(): int(number.replace(",", ""))
            for name, number in _SUMMARY.findall(self.text)
        }

    @property
    def stats(self) -> dict[str, str]:
        """The big numbers of the page of processes."""
        return {name.strip(): number for number, name in _STATS.findall(self.text)}

    @property
    def rows(self) -> list[list[str]]:
        """The words of every row of every table."""
        return [
            [" ".join(_words(cell)) for cell in _CELL.findall(row)]
            for row in _ROW.findall(self.text)
        ]

    @property
    def times(self) -> list[float]:
        """Every time of day that it shows, in epoch seconds."""
        return [
            datetime.fromisoformat(at).timestamp() for at in _TIME.findall(self.text)
        ]

    def links(self, start: str) -> list[str]:
        """Return the links to what lies below *start*, each once."""
        found = map(html.unescape, _LINK.findall(self.text))
        return list(dict.fromkeys(link for link in found if link.startswith(start)))

    @property
    def words(self) -> str:
        """All that can be read on it."""
        return " ".join(_words(self.text))


class Browser:
    """Keeps the cookie of its session, without which no button works."""

    def __init__(self, url: str) -> None:
        self.url = url
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies)

    def get(self, path: str) -> Page:
        """Return the page at *path*, whatever its status."""
        return self._open(path, None)

    def json(self, path: str) -> Any:
        """Return what the page at *path* tells a program."""
        page = self.get(path)
        assert page.status == 200, page.text
        return json.loads(page.text)

    def press(self, path: str, *, on: str, **fields: str | list[str]) -> Page:
        """Submit a form of the page *on* to *path*; return where that leads."""
        form = self.get(on)
        token = _TOKEN.search(form.text)
        assert token is not None, f"no form on {on}: {form.status} {form.text}"
        given = {"authenticity_token": html.unescape(token[1]), **fields}
        page = self._open(path, urllib.parse.urlencode(given, doseq=True).encode())
        assert page.status == 200, page.text
        return page

    def _open(self, path: str, body: bytes | None) -> Page:
        try:
            with self._opener.open(f"{self.url}{path}", body, TIMEOUT) as answer:
                return Page(answer.status, answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Page(error.code, error.read().decode(errors="replace"))


def _words(markup: str) -> list[str]:
    return html.unescape(_TAG.sub(" ", markup)).split()

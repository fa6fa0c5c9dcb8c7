"""The shells and static files of the web page, without a browser."""

import gzip
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.applications import Starlette

from gnomon.server.web.pages import site
from gnomon.server.web.pages.assets import Assets
from gnomon.testing.asgi import Client

LIMIT = 300_000
"""Bytes a page may weigh, uncompressed."""


@pytest.fixture(scope="module")
def client():
    with Client(Starlette(routes=site.routes(None))) as client:
        yield client


class Links(HTMLParser):
    """Addresses a page loads by itself, and what a strict policy would forbid."""

    def __init__(self, html):
        super().__init__()
        self.loaded = []
        self.inline = []
        self.tag = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tag = tag if tag in {"script", "style"} else ""
        if tag == "script" and "src" in attributes:
            self.loaded.append(attributes["src"])
        if tag == "link":
            self.loaded.append(attributes["href"])
        self.inline += [name for name in attributes if name == "style" or name.startswith("on")]

    def handle_data(self, data):
        if self.tag and data.strip():
            self.inline.append(data)


@pytest.mark.parametrize(
    "path", ["/", "/host/web1", "/host/a%2Fb", "/host/主机", "/explore", "/agents"]
)
def test_page_is_a_shell_under_a_strict_policy(client, path):
    answer = client.get(path)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'")
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-cache"
    assert Links(answer.body.decode()).inline == []


@pytest.mark.parametrize("page", site.PAGES, ids=lambda page: page.name)
def test_everything_a_page_loads_is_there_and_light(client, page):
    shell = client.get(page.path.replace("{name:path}", "web1"))
    total = len(shell.body)
    for address in Links(shell.body.decode()).loaded:
        answer = client.get(address)
        assert answer.status == 200, address
        assert answer.headers["cache-control"].endswith("immutable")
        total += len(answer.body)
    assert total < LIMIT


@pytest.mark.parametrize("page", site.PAGES, ids=lambda page: page.name)
def test_every_import_is_asked_for_at_once(page):
    assets = Assets(site.STATIC)
    modules = assets.modules(f"{page.name}.js")
    for module in modules:
        body = assets.get(module).body.decode()
        for name in re.findall(r'from "(\.[^"]+)"', body):
            assert (Path(module).parent / name).as_posix() in modules


def test_style_sheets_exist_for_every_page():
    assets = Assets(site.STATIC)
    assert all(assets.get(f"{page.name}.css") for page in site.PAGES)


def test_unchanged_page_is_not_sent_again(client):
    first = client.get("/")
    again = client.get("/", headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert client.get("/", headers={"If-None-Match": '"other"'}).status == 200


def test_compressed_for_those_who_take_it(client):
    plain = client.get("/")
    packed = client.get("/", headers={"Accept-Encoding": "gzip, br"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(packed.body) == plain.body


def test_head_is_answered(client):
    assert client.request("HEAD", "/").headers == client.get("/").headers


def test_old_version_gets_the_current_file_but_may_not_keep_it(client):
    answer = client.get("/static/older/base.css")
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["nothing.js", "../context.py", "vendor/LICENSE.uPlot", ""])
def test_only_what_is_meant_to_be_served(client, path):
    assert client.get(f"/static/x/{path}").status == 404


def test_version_follows_the_content(tmp_path):
    (tmp_path / "a.js").write_text("export const a = 1;\n")
    before = Assets(tmp_path).version
    assert Assets(tmp_path).version == before
    (tmp_path / "a.js").write_text("export const a = 2;\n")
    assert Assets(tmp_path).version != before


def test_licence_of_what_is_not_ours_lies_beside_it():
    text = (site.STATIC / "vendor" / "LICENSE.uPlot").read_text(encoding="utf-8")
    assert "Leon Sorokin" in text
    assert b"v1.6.32" in Assets(site.STATIC).get("vendor/uPlot.iife.min.js").body

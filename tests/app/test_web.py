"""The web page in a real browser, against a real server process that speaks only HTTP.

Pictures are kept where `GNOMON_PICTURES` says, for people to look at.
"""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from gnomon.testing import fleet
from gnomon.testing.browser import Chromium
from gnomon.testing.servers import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

READY = 60.0
FULL = {"system.disk.in_use": 0.962}
LOOSE = {"ntp.in_sync": 1}
NEEDS_LOGIN = {
    "name": "postgresql",
    "version": "15.4",
    "port": 5432,
    "address": "127.0.0.1",
    "message": "needs a login, run this SQL",
    "hint": "CREATE USER gnomon;\nGRANT pg_monitor TO gnomon;",
    "check": "postgres",
}
NO_LOGIN = {
    "name": "postgres",
    "instance": "",
    "interval": 10.0,
    "status": "needs_setup",
    "message": "no password was supplied",
    "hint": "CREATE USER gnomon;",
    "runs": 3,
    "errors": 3,
}


class Site:
    """The server, and what the tests tell it."""

    def __init__(self, url):
        self.url = url

    def post(self, path, body):
        request = urllib.request.Request(self.url + path, data=body)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def report(self, host, overrides=None, minutes=20, until=None, **status):
        """A host's samples of some minutes, up to `until` minutes ago, and its agent's status."""
        now = int(time.time() * 1000)
        end = now if until is None else now - until * 60_000
        self.post("/api/v1/import", fleet.lines(host, end - minutes * 60_000, end, overrides))
        if until is None:
            path = f"/api/v1/agents/{quote(host, safe='')}/status"
            self.post(path, fleet.status(host, now, **status))


@contextmanager
def server(folder):
    """`gnomon server`, until the block is left."""
    port = free_port()
    log = (folder / "server.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "gnomon", "server", "--listen", f"127.0.0.1:{port}"],
        env=os.environ | {"GNOMON_DATA": str(folder / "data")},
        stdout=log,
        stderr=log,
    )
    site = Site(f"http://127.0.0.1:{port}")
    try:
        end = time.monotonic() + READY
        while True:
            try:
                urllib.request.urlopen(f"{site.url}/-/ready", timeout=5).close()
                break
            except OSError:
                said = (folder / "server.log").read_text()
                assert process.poll() is None, said
                assert time.monotonic() < end, said
                time.sleep(0.05)
        yield site
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        log.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with server(tmp_path_factory.mktemp("web")) as site:
        site.report("web-gone", until=30)
        yield site


@pytest.fixture
def site(running):
    """The server with four hosts; those that live were heard just now."""
    running.report("db-primary", FULL, checks=[NO_LOGIN], services=[NEEDS_LOGIN])
    running.report("db-replica", LOOSE)
    running.report("web-1")
    return running


@pytest.fixture(scope="module")
def chromium():
    with Chromium() as page:
        yield page


@pytest.fixture
def page(chromium, site):
    """A browser that remembers nothing; at the end nothing may have been complained of."""
    chromium.size(1440, 900)
    chromium.open(f"{site.url}/static/x/logo.svg")
    chromium.run("localStorage.clear()")
    chromium.prefer("prefers-color-scheme", "light")
    chromium.complaints()
    yield chromium
    ours = [line for line in chromium.complaints() if "willReadFrequently" not in line]  # DRAWN
    assert ours == []


def picture(page, name):
    folder = os.environ.get("GNOMON_PICTURES")
    if folder:
        page.shot(Path(folder) / f"{name}.png")


def text(page, selector):
    return page.wait(
        "return document.querySelector(arguments[0])?.innerText.trim() || null", selector
    )


def sideways(page):
    """What lies beyond the right edge, but for what scrolls by itself."""
    return page.run(
        "return [...document.querySelectorAll('body *')].filter((e) =>"
        " !e.closest('.scroll, pre, .u-wrap, .legend, .visually-hidden, .spark, [hidden]') &&"
        " e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 90))"
    )


DRAWN = """
const charts = [...document.querySelectorAll('.chart canvas')].filter((canvas) => {
  const {top, bottom} = canvas.getBoundingClientRect();
  return bottom > 0 && top < innerHeight && canvas.width;
});
return charts.filter((canvas) => {
  const inner = [canvas.width * 0.25, 4, canvas.width * 0.7, canvas.height * 0.8].map(Math.round);
  const {data} = canvas.getContext('2d').getImageData(...inner);
  const colours = new Set();
  for (let at = 0; at < data.length; at += 4) if (data[at + 3] > 100) colours.add(data[at] >> 4 << 8 | data[at + 1] >> 4 << 4 | data[at + 2] >> 4);
  return colours.size > 2;
}).length
"""
"""How many charts in view show more than their grid."""


def test_overview_shows_every_host_worst_first(page, site):
    page.forget()
    page.open(site.url)
    page.wait("return document.querySelectorAll('.host').length === 4")
    names = page.run("return [...document.querySelectorAll('.host')].map((e) => e.dataset.host)")
    assert names == ["db-primary", "web-gone", "db-replica", "web-1"]
    levels = page.run("return [...document.querySelectorAll('.host')].map((e) => e.classList[1])")
    assert levels == ["critical", "silent", "warning", "ok"]
    assert "96.2 %" in text(page, "[data-host=db-primary]")
    assert "postgresql 15.4" in text(page, "[data-host=db-primary] .needy")
    assert "ntp.in_sync" in text(page, "[data-host=db-replica]")
    assert page.wait("return document.querySelectorAll('.spark-line[d^=M]').length > 8")
    assert "1\ncritical" in text(page, ".counts").replace(" ", "\n").replace("\n\n", "\n")
    picture(page, "overview-light")
    paint = page.run("return performance.getEntriesByName('first-contentful-paint')[0].startTime")
    sent = page.run(
        "return performance.getEntriesByType('resource')"
        ".filter((e) => e.name.includes('/static/')).reduce((sum, e) => sum + e.transferSize, 0)"
    )
    sys.stdout.write(f"first paint {paint:.0f} ms, static files {sent / 1000:.0f} kB\n")


def test_overview_search_and_states_narrow_it_down(page, site):
    page.open(site.url)
    page.wait("return document.querySelectorAll('.host').length === 4")
    page.press("/")
    assert page.run("return document.activeElement.type") == "search"
    page.press(*"replica")
    page.wait("return document.querySelectorAll('.host').length === 1")
    page.press("zzz")
    assert "zzz" in text(page, ".nothing:not([hidden])")
    page.run(
        "const s = document.querySelector('.search'); s.value = ''; s.dispatchEvent(new Event('input'))"
    )
    page.wait("return document.querySelectorAll('.host').length === 4")
    page.run("document.querySelector('.chip.critical').click()")
    page.wait("return document.querySelectorAll('.host').length === 1")


def test_empty_server_says_what_to_do(tmp_path):
    with server(tmp_path) as site, Chromium() as page:
        page.open(site.url)
        assert "gnomon up" in text(page, ".welcome")
        assert site.url in text(page, ".welcome")
        picture(page, "welcome")
        site.report("newcomer", minutes=1)
        page.wait("return document.querySelectorAll('.host').length === 1")
        assert page.run("return document.querySelector('.welcome')") is None
        assert page.complaints() == []


def test_host_page_draws_what_the_host_reports(page, site):
    page.open(f"{site.url}/host/db-primary")
    page.wait(f"return (() => {{ {DRAWN} }})() >= 6")
    assert text(page, "h1") == "critical\ndb-primary" or text(page, "h1").endswith("db-primary")
    assert "96.2" in text(page, ".vitals .critical")
    panels = page.run(
        "return [...document.querySelectorAll('[data-panel]')].map((e) => e.dataset.panel)"
    )
    assert panels[:3] == ["cpu", "load", "memory"]
    assert "postgresql.commits" in panels
    assert "stolen" in text(page, "[data-panel=cpu] .legend")
    assert "needs a login" in text(page, ".services")
    page.run("document.querySelector('.service.needs').open = true")
    assert "GRANT pg_monitor" in text(page, ".services .command")
    picture(page, "host-light")


def test_drag_zooms_all_charts_and_back_returns(page, site):
    page.open(f"{site.url}/host/web-1?last=15m")
    page.wait(f"return (() => {{ {DRAWN} }})() >= 4")
    page.drag("[data-panel=cpu] .u-over", 0.3, 0.6)
    page.wait("return /from=\\d+&to=\\d+/.test(location.search)")
    start, end = map(int, re.findall(r"\d{13}", page.run("return location.search")))
    assert end - start == pytest.approx(0.3 * 15 * 60_000, rel=0.05)
    assert (
        page.run("return document.querySelector('.live').getAttribute('aria-pressed')") == "false"
    )
    page.wait(f"return (() => {{ {DRAWN} }})() >= 4")
    page.run("history.back()")
    page.wait("return location.search === '?last=15m'")
    page.wait("return document.querySelector('.live').getAttribute('aria-pressed') === 'true'")


def test_cursor_is_shared_by_all_charts(page, site):
    page.open(f"{site.url}/host/web-1")
    page.wait(f"return (() => {{ {DRAWN} }})() >= 4")
    page.hover("[data-panel=cpu] .u-over", 0.5)
    page.wait("return document.querySelectorAll('.legend.pointing').length >= 4")
    shown = page.run(
        "return [...document.querySelectorAll('.pointing .when')].map((e) => e.innerText)"
    )
    assert len(set(shown)) == 1


def test_live_page_shows_new_samples_by_itself(page, site):
    page.open(f"{site.url}/host/web-1?last=15m")
    before = text(page, "[data-panel=load] tbody td")
    page.wait(f"return (() => {{ {DRAWN} }})() >= 4")
    site.report("web-1", {"system.load.1": 47.0}, minutes=0)
    now = page.wait(
        "const e = document.querySelector('[data-panel=load] tbody td');"
        "return e.innerText !== arguments[0] && e.innerText",
        before,
    )
    assert now.startswith("4")


def test_host_without_vital_signs_is_shown_as_soon_as_it_sends(tmp_path):
    with server(tmp_path) as site, Chromium() as page:
        page.open(f"{site.url}/host/till")
        assert "till" in text(page, ".nothing")
        now = int(time.time() * 1000)
        line = (
            f'{{"metric":{{"__name__":"orders","host":"till"}},"values":[3],"timestamps":[{now}]}}'
        )
        site.post("/api/v1/import", line.encode())
        page.wait("return document.querySelector('[data-panel=orders] canvas') !== null")
        assert page.run("return document.querySelector('.nothing').innerText") == ""
        page.open(site.url)
        assert "no host metrics" in text(page, "[data-host=till].unknown")
        assert page.complaints() == []


def test_unknown_host_is_said_to_be_unknown(page, site):
    page.open(f"{site.url}/host/nobody")
    assert "nobody" in text(page, ".nothing")


def test_explorer_answers_both_languages(page, site):
    page.open(f"{site.url}/explore")
    page.wait("return document.querySelectorAll('.metrics li').length > 20")
    page.run("document.querySelector('textarea').focus()")
    page.press(*'{"system.net.bytes_rcvd", device="lo", host="web-1"}', "\ue007")
    page.wait("return document.querySelectorAll('.answers tbody tr').length === 1")
    page.wait(f"return (() => {{ {DRAWN} }})() === 1")
    assert "promql" in page.run("return new URLSearchParams(location.search).get('q')")
    picture(page, "explore-light")
    page.open(f"{site.url}/explore?q=graphite:seriesByTag('name%3Dsystem.load.1')")
    page.wait("return document.querySelectorAll('.answers tbody tr').length >= 3")


def test_explorer_shows_where_a_query_is_wrong(chromium, site):
    page = chromium
    page.open(f"{site.url}/explore?q=promql:sum(rate(oops%20x[5m]))")
    assert "parse error" in text(page, ".query-error")
    assert text(page, ".query-error mark") == "x"
    assert (
        page.run("return document.querySelector('textarea').getAttribute('aria-invalid')") == "true"
    )
    assert [line for line in page.complaints() if "400" not in line] == []


def test_explorer_completes_names_labels_and_values(page, site):
    page.open(f"{site.url}/explore")
    page.wait("return document.querySelectorAll('.metrics li').length > 20")
    page.run("document.querySelector('textarea').focus()")
    page.press(*'{"system.net.bytes_r')
    page.wait("return document.querySelectorAll('[role=option]').length === 1")
    page.press("\ue015", "\ue007", *", ho")  # arrow down, Enter
    page.wait("return document.querySelector('[role=option] span')?.innerText === 'host'")
    page.press("\ue015", "\ue007")
    page.wait(
        "return [...document.querySelectorAll('[role=option] span')].some((e) => e.innerText === 'web-1')"
    )
    page.press(*"web-")
    page.wait("return document.querySelector('[role=option] span')?.innerText === 'web-1'")
    page.press("\ue015", "\ue007", "}")
    written = page.run("return document.querySelector('textarea').value")
    assert written == '{"system.net.bytes_rcvd", host="web-1"}'


def test_agents_page_tells_what_needs_a_look(page, site):
    page.open(f"{site.url}/agents")
    page.wait("return document.querySelectorAll('[data-agent]').length === 3")
    assert page.run("return document.querySelector('[data-agent]').dataset.agent") == "db-primary"
    page.run("document.querySelector('[data-agent]').open = true")
    said = text(page, ".agent-body")
    assert "needs setup" in said
    assert "no password was supplied" in said
    assert "CREATE USER gnomon;" in said
    picture(page, "agents-light")
    page.run("document.getElementById('server').open = true")
    said = text(page, "#server .agent-body")
    assert "series_per_request" in said
    assert "duckdb" in said


def test_language_follows_the_browser_and_the_switch_is_remembered(site):
    with Chromium(language="zh-CN") as page:
        page.open(site.url)
        page.wait("return document.querySelectorAll('.host').length === 4")
        assert page.run("return document.documentElement.lang") == "zh-CN"
        assert "主机" in text(page, "nav")
        assert "严重" in text(page, ".counts")
        picture(page, "overview-zh")
        page.run("document.querySelector('[data-tool=language]').click()")
        page.wait("return document.documentElement.lang === 'en'")
        page.open(f"{site.url}/agents")
        assert "Hosts" in text(page, "nav")
        assert page.complaints() == []


def test_both_languages_have_every_string(page, site):
    page.open(site.url)
    base = page.run(
        "return document.querySelector('script[type=module]').src.replace(/[^/]+$/, '')"
    )
    keys = page.driver.execute_async_script(
        "const [base, done] = arguments;"
        "Promise.all([import(base + 'i18n/en.js'), import(base + 'i18n/zh.js')])"
        ".then(([a, b]) => done([Object.keys(a.en), Object.keys(b.zh)]))",
        base,
    )
    assert sorted(keys[0]) == sorted(keys[1])


def test_theme_follows_the_system_until_it_is_switched(page, site):
    ground = "return getComputedStyle(document.body).backgroundColor"
    page.open(site.url)
    light = page.run(ground)
    page.prefer("prefers-color-scheme", "dark")
    dark = page.run(ground)
    assert dark != light
    page.open(f"{site.url}/host/db-primary")
    page.wait(f"return (() => {{ {DRAWN} }})() >= 6")
    picture(page, "host-dark")
    page.run("document.querySelector('[data-tool=theme]').click()")
    assert page.run(ground) == light
    page.open(site.url)
    assert page.run(ground) == light
    page.run("document.querySelector('[data-tool=theme]').click()")
    assert page.run(ground) == dark
    page.prefer("prefers-color-scheme", "light")
    assert page.run(ground) == light


@pytest.mark.parametrize(
    "path", ["/", "/host/db-primary", "/explore?q=promql:system_load_1", "/agents"]
)
def test_fits_on_a_phone(page, site, path):
    page.size(375, 740)
    page.open(site.url + path)
    page.wait(
        "return document.querySelector('.host, .charts canvas, .answers td, .agent') !== null"
    )
    page.run("document.querySelectorAll('details').forEach((e) => { e.open = true })")
    page.wait("return new Promise((done) => setTimeout(() => done(true), 300))")
    assert page.run("return document.documentElement.scrollWidth - innerWidth") <= 0
    assert sideways(page) == []
    picture(page, f"phone{re.sub('[^a-z]+', '-', path.split('?')[0])}")


def test_everything_is_reached_with_the_keyboard(page, site):
    page.open(site.url)
    page.wait("return document.querySelectorAll('.host').length === 4")
    page.press("\ue004")
    assert text(page, ":focus") == "Skip to content"
    seen = []
    for _ in range(14):
        page.press("\ue004")
        seen.append(
            page.run(
                "const e = document.activeElement; return e.getAttribute('href') || e.dataset.tool || e.dataset.level || e.type"
            )
        )
        outline = page.run("return getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", seen
    assert {"/explore", "language", "theme", "critical", "search", "/host/db-primary"} <= set(seen)
    page.run("document.activeElement.blur()")
    page.press("?")
    assert "Keys" in text(page, "dialog[open]")
    page.press("\ue00c")
    page.wait("return document.querySelector('dialog') === null")
    page.press("g", "e")
    page.wait("return location.pathname === '/explore'")


def test_controls_and_landmarks_have_names(page, site):
    for path in ("/", "/host/db-primary", "/explore", "/agents"):
        page.open(site.url + path)
        page.wait("return document.querySelector('.host, .charts, .metrics li, .agent') !== null")
        nameless = page.run(
            "return [...document.querySelectorAll('button, a, input, select, textarea, nav, aside')]"
            ".filter((e) => !(e.textContent.trim() || e.ariaLabel || e.labels?.length || e.title))"
            ".map((e) => e.outerHTML.slice(0, 120))"
        )
        assert nameless == []
        assert page.run("return document.querySelectorAll('main, h1').length") == 2


CONTRAST = """
const channel = (value) => { const c = value / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
const numbers = (colour) => { const p = colour.match(/[\\d.]+/g).map(Number); return colour.startsWith('color(') ? [...p.slice(0, 3).map((x) => x * 255), p[3] ?? 1] : p; };
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const ground = (e) => { for (; e; e = e.parentElement) { const c = numbers(getComputedStyle(e).backgroundColor); if ((c[3] ?? 1) > 0.99) return c; } return [255, 255, 255]; };
const bad = [];
for (const e of document.querySelectorAll('body *')) {
  if (e.closest('[hidden], .off, svg, .skip') || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
  if (!e.getClientRects().length) continue;
  const [a, b] = [light(numbers(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < 4.5) bad.push(`${ratio.toFixed(2)} ${e.tagName}.${e.className} ${e.innerText.slice(0, 30)}`);
}
return bad;
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_enough_contrast(page, site, theme):
    page.prefer("prefers-color-scheme", theme)
    for path in ("/", "/host/db-primary", "/explore?q=promql:system_load_1", "/agents"):
        page.open(site.url + path)
        page.wait(
            "return document.querySelector('.host, .charts canvas, .answers td, .agent') !== null"
        )
        assert page.run(CONTRAST) == [], path


def test_nothing_moves_for_those_who_want_it_still(page, site):
    page.prefer("prefers-reduced-motion", "reduce")
    page.open(f"{site.url}/host/web-1")
    page.wait("return document.querySelector('.live') !== null")
    assert page.run("return document.getAnimations().length") == 0


def test_server_that_goes_away_is_missed_and_welcomed_back(tmp_path):
    with Chromium() as page:
        with server(tmp_path) as site:
            site.report("web-1")
            page.open(site.url)
            page.wait("return document.querySelectorAll('.host').length === 1")
        page.run("document.dispatchEvent(new Event('visibilitychange'))")
        assert "does not answer" in text(page, ".notice")
        assert page.run("return document.querySelectorAll('.host').length") == 1


def test_text_from_outside_stays_text(tmp_path):
    name = "<img src=x onerror=alert(1)>"
    with server(tmp_path) as site, Chromium() as page:
        site.report(name, minutes=1, services=[NEEDS_LOGIN | {"name": name, "hint": name}])
        for path in ("/", f"/host/{quote(name, safe='')}", "/explore", "/agents"):
            page.open(site.url + path)
            page.wait(
                "return document.querySelector('.host, .charts, .metrics li, .agent') !== null"
            )
            page.run("document.querySelectorAll('details').forEach((e) => { e.open = true })")
            assert path == "/explore" or page.wait(
                "return document.body.innerText.includes('<img')"
            )
            assert page.run("return document.querySelectorAll('main img').length") == 0
        assert page.complaints() == []

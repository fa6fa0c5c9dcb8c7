// One host: how it is now, its charts, and everything else it reports.

import { agent as askAgent, metadata, now, query, quoted, series, status } from "./api.js";
import { Board, PanelView } from "./board.js";
import { h, text } from "./dom.js";
import { parts, span, unitOf } from "./format.js";
import { loadHosts } from "./hosts.js";
import { t } from "./i18n.js";
import { mark } from "./mark.js";
import { PanelGroups } from "./panel-groups.js";
import { otherPanels, systemPanels } from "./panels.js";
import { RangeBar } from "./range-bar.js";
import { CHOICES, resolve } from "./range.js";
import { servicesTable } from "./services.js";
import { SIGNALS, checkLevel } from "./signals.js";
import { begin, main, poll, setTitle } from "./shell.js";

const name = decodeURIComponent(location.pathname.replace(/^\/host\//, ""));
const REFRESH = 5e3;
const REBUILD = 20e3;
const SOON = 2e3;
const DAY = 86400e3;

begin("nav.overview");
setTitle(name);
const bar = new RangeBar(() => board.changed());
const board = new Board(bar);
const facts = h("p", { class: "facts" });
const sign = h("span", { class: "sign" });
const vitals = h("dl", { class: "vitals" });
const troubles = h("ul", { class: "troubles" });
const unknown = h("p", { class: "nothing" });
const groups = new PanelGroups((panel) => board.add(new PanelView(panel, name, zoom)));
main.append(
  h("div", { class: "host-head" }, h("h1", {}, sign, name), facts),
  troubles,
  vitals,
  bar.element,
  unknown,
  groups.element,
);

poll(refresh, () => REFRESH);
poll(build, () => (groups.element.childElementCount ? REBUILD : SOON));

/** Finds out what the host reports and lays the panels out; they load when they are seen. Again and
 * again: the checks of a host that has just been started come one after the other. */
async function build() {
  const { start, end } = resolve(bar.range);
  const [found, about, server] = await Promise.all([
    series(`{host=${quoted(name)}}`, { start: Math.min(start, now() - DAY), end }),
    metadata(),
    status(),
  ]);
  const metrics = new Set(found.map(({ __name__: metric }) => metric));
  text(unknown, metrics.size ? "" : t("host.not_found", { name }));
  if (metrics.size === 0) return;
  // In the first minutes of an installation there is nothing yet to the left of them.
  if (now() - (server.store?.oldest ?? 0) < CHOICES["5m"]) bar.suggest({ last: "5m" });
  groups.show([
    { title: t("host.system"), panels: systemPanels(metrics), open: true },
    ...otherPanels(metrics, about).map(({ family, panels }) => ({
      title: family,
      note: t("host.metrics", { n: panels.length }),
      open: !/^(system|gnomon)\b/.test(family),
      panels,
    })),
  ]);
}

function zoom(from, to) {
  bar.pick({ from, to });
}

/** The head of the page: state, vital signs, what is wrong, services. */
async function refresh() {
  const [
    {
      hosts: [host],
    },
    uptime,
    checks,
  ] = await Promise.all([
    loadHosts([name]),
    query(`{"system.uptime", host=${quoted(name)}}`),
    query(`{"service_check", host=${quoted(name)}}`),
  ]);
  if (!host) return;
  sign.replaceChildren(
    mark(host.level),
    h("span", { class: "visually-hidden" }, t(`level.${host.level}`)),
  );
  const agent = host.agent ? (await askAgent(host.agent)).status : {};
  facts.textContent = [
    t(`level.${host.level}`),
    uptime[0] ? t("host.uptime", { age: span(Number(uptime[0].value[1])) }) : null,
    agent.version ? t("host.agent", { version: agent.version }) : null,
    host.age === null ? null : t("overview.heard", { age: span(host.age / 1000) }),
  ]
    .filter(Boolean)
    .join(" · ");
  vitals.replaceChildren(
    ...Object.keys(SIGNALS)
      .filter((id) => host.readings[id])
      .map((id) => vital(host.readings[id])),
  );
  showChecks(checks);
  const services = servicesTable(agent.services ?? []);
  document.querySelector(".services")?.remove();
  if (services) bar.element.before(services);
}

function vital({ id, value, level, place }) {
  const [number, unit] = parts(value, unitOf(SIGNALS[id].unit));
  return h(
    "div",
    { class: level },
    h("dt", {}, t(`signal.${id}`), place ? h("small", {}, ` ${place}`) : null),
    h("dd", {}, number, unit ? h("small", {}, ` ${unit}`) : null),
  );
}

function showChecks(checks) {
  const bad = checks
    .map(({ metric, value }) => ({ metric, level: checkLevel(Number(value[1])) }))
    .filter(({ level }) => level !== "ok");
  troubles.replaceChildren(
    ...bad.map(({ metric, level }) => {
      const labels = Object.entries(metric)
        .filter(([label]) => !["__name__", "host", "check"].includes(label))
        .map(([label, value]) => `${label}=${value}`);
      return h(
        "li",
        { class: `level ${level}` },
        mark(level),
        `${metric.check}: ${t(`level.${level}`)}`,
        labels.length ? h("small", {}, labels.join(" ")) : null,
      );
    }),
  );
}

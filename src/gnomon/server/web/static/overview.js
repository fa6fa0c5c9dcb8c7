// The first page: every host, worst first, and what is wrong with it.

import { agents, now, queryRange, quoted } from "./api.js";
import { arrange, debounce, h, text } from "./dom.js";
import { count, parts, span, unitOf } from "./format.js";
import { healthStrip } from "./health.js";
import { hostMatcher, loadHosts } from "./hosts.js";
import { t } from "./i18n.js";
import { mark } from "./mark.js";
import { LEVELS, SIGNALS } from "./signals.js";
import { draw, spark } from "./spark.js";
import { begin, main, poll } from "./shell.js";
import { emptyState } from "./welcome.js";

const SPARK_SPAN = 3600e3;
const SPARK_POINTS = 60;
const SERVICES_AGE = 20e3;
const ROOMY = 12; // up to so many hosts are shown with all their vital signs
const CROWD = 200; // from so many on those that are well get one line each

const view = {
  hosts: [],
  oldest: 0,
  services: new Map(), // by host
  learned: 0,
  filter: "",
  level: null,
  cards: new Map(),
  visible: new Set(),
};

begin("nav.overview");
const search = h("input", {
  type: "search",
  class: "search",
  placeholder: t("overview.search"),
  "aria-label": t("overview.search"),
  "data-search": true,
  autocomplete: "off",
  spellcheck: "false",
  oninput: debounce(() => filterBy(search.value), 60),
});
const counts = h("div", { class: "counts", role: "group", "aria-label": t("overview.by_state") });
const list = h("ul", { class: "hosts", "aria-label": t("nav.overview") });
const nothing = h("p", { class: "nothing", hidden: true });
main.append(
  h("h1", { class: "visually-hidden" }, t("nav.overview")),
  h("div", { class: "overview-head" }, counts, search),
  list,
  nothing,
  healthStrip(),
);

poll(refresh, pace);

/** Ms until the next look: soon while everybody waits for the first host, not so often in a crowd. */
function pace() {
  if (view.hosts.length === 0) return 2000;
  return view.hosts.length > CROWD ? 15e3 : 5000;
}

async function refresh() {
  Object.assign(view, await loadHosts());
  if (view.hosts.length <= ROOMY) await learnServices();
  show();
  await refreshSparks();
}

/** What agents found on their hosts changes rarely, and is said of a few hosts only. */
async function learnServices() {
  if (now() - view.learned < SERVICES_AGE) return;
  view.learned = now();
  const reporting = await agents();
  view.services = new Map(reporting.map(({ host, status }) => [host, status.services ?? []]));
}

function filterBy(written) {
  view.filter = written.trim().toLowerCase();
  show();
}

function show() {
  main.querySelector(".welcome")?.remove();
  if (view.hosts.length === 0) {
    list.replaceChildren();
    list.before(emptyState());
    return;
  }
  showCounts();
  const shown = view.hosts.filter(
    ({ name, level }) =>
      name.toLowerCase().includes(view.filter) && (!view.level || level === view.level),
  );
  list.classList.toggle("roomy", view.hosts.length <= ROOMY);
  list.classList.toggle("dense", view.hosts.length > CROWD);
  const cards = shown.map((host) => {
    const card = view.cards.get(host.name) ?? newCard(host.name);
    card.show(host);
    return card.element;
  });
  arrange(list, cards);
  nothing.hidden = shown.length > 0;
  text(nothing, t("overview.no_match", { filter: search.value }));
}

function showCounts() {
  const tally = Object.fromEntries(LEVELS.map((level) => [level, 0]));
  for (const { level } of view.hosts) tally[level] += 1;
  const chips = [...LEVELS]
    .reverse()
    .filter((level) => tally[level])
    .map((level) =>
      h(
        "button",
        {
          type: "button",
          class: `chip ${level}`,
          "aria-pressed": String(view.level === level),
          "data-level": level,
          onclick: () => {
            view.level = view.level === level ? null : level;
            show();
          },
        },
        mark(level),
        h("b", {}, count(tally[level])),
        ` ${t(`level.${level}`)}`,
      ),
    );
  const focused = document.activeElement?.dataset?.level;
  counts.replaceChildren(...chips);
  if (focused) counts.querySelector(`[data-level="${focused}"]`)?.focus();
}

const watcher = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) view.visible.add(target.dataset.host);
      else view.visible.delete(target.dataset.host);
    }
    soon();
  },
  { rootMargin: "200px" },
);

/** The tile of a host; its element stays, its contents change. */
function newCard(name) {
  const link = h("a", { href: `/host/${encodeURIComponent(name)}`, class: "host-link" });
  const element = h("li", { class: "host", "data-host": name }, link);
  const card = { element, sparks: new Map(), drawn: 0, wants: [], shape: "" };
  card.show = (host) => {
    const roomy = view.hosts.length <= ROOMY;
    const signals = roomy ? Object.keys(SIGNALS).filter((id) => host.readings[id]) : [told(host)];
    const shape = `${roomy}|${signals}`;
    if (shape !== card.shape) {
      card.shape = shape;
      card.drawn = 0;
      card.sparks = new Map(signals.map((id) => [id, spark()]));
    }
    card.wants = signals;
    element.className = `host ${host.level}`;
    link.replaceChildren(
      ...(roomy ? roomyParts(host, card.sparks) : compactParts(host, card.sparks)),
    );
  };
  view.cards.set(name, card);
  watcher.observe(element);
  return card;
}

function heading(host) {
  return h("span", { class: "host-name" }, mark(host.level), h("b", {}, host.name));
}

/** The signal a small tile tells of: the worst of an ill host, the work of a well one. */
function told(host) {
  return host.worst && host.worst.level !== "ok" ? host.worst.id : "cpu";
}

function compactParts(host, sparks) {
  const [id, line] = [...sparks][0];
  const reading = host.readings[id];
  const said = trouble(host);
  const telling = reading && !host.silent && (reading.level !== "ok" || said.length === 0);
  return [
    heading(host),
    h(
      "span",
      { class: "host-why" },
      ...(said.length ? said : [reading ? t(`signal.${id}`) : t("overview.no_vitals")]),
    ),
    telling ? h("span", { class: `host-value ${reading.level}` }, ...figure(reading)) : null,
    host.silent || !reading ? null : line,
  ].filter(Boolean);
}

function roomyParts(host, sparks) {
  const rows = [...sparks].map(([id, line]) => {
    const reading = host.readings[id];
    return h(
      "span",
      { class: `vital ${reading.level}` },
      h(
        "span",
        { class: "vital-name" },
        t(`signal.${id}`),
        reading.place ? h("small", {}, ` ${reading.place}`) : null,
      ),
      line,
      h("span", { class: "vital-value" }, ...figure(reading)),
    );
  });
  const said = trouble(host);
  return [
    heading(host),
    h("span", { class: "host-why" }, ...(said.length ? said : [t("overview.well")])),
    h("span", { class: "vitals" }, rows),
    servicesOf(host),
    h("span", { class: "host-foot" }, footnote(host)),
  ];
}

function figure({ id, value }) {
  const [number, unit] = parts(value, unitOf(SIGNALS[id].unit));
  return [number, unit ? h("small", {}, ` ${unit}`) : null].filter(Boolean);
}

/** What is wrong, in words: the readings over a limit, failing checks, silence. */
function trouble(host) {
  const said = [];
  if (host.silent)
    said.push(
      host.age === null
        ? t("overview.silent")
        : t("overview.silent_for", { age: span(host.age / 1000) }),
    );
  for (const { check } of host.failing.slice(0, 3)) said.push(check);
  for (const { id, level, place } of Object.values(host.readings)) {
    if (level !== "ok") said.push(place ? `${t(`signal.${id}`)} ${place}` : t(`signal.${id}`));
  }
  return said.length ? [said.join(" · ")] : [];
}

/** The databases and servers found on the host, those that still need something marked. */
function servicesOf(host) {
  const found = view.services.get(host.name) ?? [];
  const needy = ({ hint }) => (hint ? "service-name needy" : "service-name");
  const names = found.map((service) =>
    h(
      "span",
      { class: needy(service), title: service.message || null },
      service.hint ? mark("warning") : null,
      [service.name, service.version].filter(Boolean).join(" "),
    ),
  );
  return names.length ? h("span", { class: "host-services" }, names) : "";
}

function footnote(host) {
  return host.age === null ? "" : t("overview.heard", { age: span(host.age / 1000) });
}

// Sparks: one range query per signal for all tiles in view that need a fresh one.

const soon = debounce(() => refreshSparks().catch(() => {}), 150);

async function refreshSparks() {
  const at = now();
  const wanted = new Map();
  for (const name of view.visible) {
    const card = view.cards.get(name);
    if (!card?.element.isConnected || at - card.drawn < sparkStep(at)) continue;
    card.drawn = at;
    for (const id of card.wants) wanted.set(id, [...(wanted.get(id) ?? []), name]);
  }
  await Promise.all([...wanted].map(([id, names]) => loadSparks(id, names, at)));
}

/** A minute; less while there are samples of less than an hour, so that a line is seen at once. */
function sparkStep(at) {
  const age = Math.min(Math.max(at - view.oldest, 120e3), SPARK_SPAN);
  return Math.ceil(age / SPARK_POINTS / 2000) * 2000;
}

async function loadSparks(id, names, at) {
  const { metric, fold, turn, top } = SIGNALS[id];
  const step = sparkStep(at);
  const end = Math.floor(at / step) * step;
  const window = { start: end - SPARK_POINTS * step, end, step };
  const expression = `${fold} by (host) ({${quoted(metric)}, ${hostMatcher(names)}})`;
  for (const { metric: labels, values } of await queryRange(expression, window)) {
    const line = view.cards.get(labels.host)?.sparks.get(id);
    if (line)
      draw(
        line,
        values.map(([time, value]) => [time, turn(Number(value))]),
        { ...window, top },
      );
  }
}

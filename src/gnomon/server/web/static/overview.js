// The first page: every host, worst first, and what is wrong with it.

import { agents, now, queryRange, quoted } from "./api.js";
import { arrange, debounce, h, text } from "./dom.js";
import { count } from "./format.js";
import { healthStrip } from "./health.js";
import { HostCard } from "./host-card.js";
import { hostMatcher, loadHosts } from "./hosts.js";
import { t } from "./i18n.js";
import { mark } from "./mark.js";
import { LEVELS, SIGNALS } from "./signals.js";
import { draw } from "./spark.js";
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
  cards: new Map(), // by host
  visible: new Set(), // cards
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
const crowd = h("ul", { class: "hosts crowd", "aria-label": t("level.ok"), hidden: true });
const nothing = h("p", { class: "nothing", hidden: true });
main.append(
  h("h1", { class: "visually-hidden" }, t("nav.overview")),
  h("div", { class: "overview-head" }, counts, search),
  list,
  crowd,
  nothing,
  healthStrip(),
);

const watcher = new IntersectionObserver(seen, { rootMargin: "200px" });
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
  if (view.hosts.length === 0) list.before(emptyState());
  showCounts();
  const cards = view.hosts.filter(wanted).map(cardOf);
  const lines = cards.filter(({ size }) => size === "line");
  list.classList.toggle("roomy", view.hosts.length <= ROOMY);
  arrange(
    list,
    cards.filter(({ size }) => size !== "line").map(({ element }) => element),
  );
  arrange(
    crowd,
    lines.map(({ element }) => element),
  );
  crowd.hidden = lines.length === 0;
  nothing.hidden = cards.length > 0 || view.hosts.length === 0;
  text(nothing, t("overview.no_match", { filter: search.value }));
  drawAll(cards);
}

function wanted({ name, level }) {
  return name.toLowerCase().includes(view.filter) && (!view.level || level === view.level);
}

function cardOf(host) {
  let card = view.cards.get(host.name);
  if (!card) {
    card = new HostCard(host.name);
    view.cards.set(host.name, card);
    watcher.observe(card.element);
  }
  card.take(host, sizeFor(host), view.services.get(host.name));
  return card;
}

function sizeFor({ level }) {
  if (view.hosts.length <= ROOMY) return "roomy";
  return view.hosts.length > CROWD && level === "ok" ? "line" : "compact";
}

const whenIdle = globalThis.requestIdleCallback ?? ((work) => setTimeout(() => work(null), 30));
let waiting = [];

/** Draws what is in view at once, and the others while there is nothing else to do. */
function drawAll(cards) {
  for (const card of view.visible) if (card.element.isConnected) card.draw();
  const begun = waiting.length > 0;
  waiting = cards.filter((card) => !view.visible.has(card));
  if (waiting.length && !begun) whenIdle(drawSome);
}

function drawSome(deadline) {
  const end = performance.now() + (deadline?.timeRemaining() ?? 8);
  do waiting.pop()?.draw();
  while (waiting.length && performance.now() < end);
  if (waiting.length) whenIdle(drawSome);
}

function seen(entries) {
  for (const { target, isIntersecting } of entries) {
    const card = view.cards.get(target.dataset.host);
    if (isIntersecting) view.visible.add(card);
    else view.visible.delete(card);
    if (isIntersecting) card.draw();
  }
  sparksSoon();
}

function showCounts() {
  const tally = Object.fromEntries(LEVELS.map((level) => [level, 0]));
  for (const { level } of view.hosts) tally[level] += 1;
  const present = [...LEVELS].reverse().filter((level) => tally[level] || level === view.level);
  const focused = document.activeElement?.dataset?.level;
  counts.replaceChildren(...present.map((level) => chip(level, tally[level])));
  if (focused) counts.querySelector(`[data-level="${focused}"]`)?.focus();
}

function chip(level, number) {
  const pick = () => {
    view.level = view.level === level ? null : level;
    show();
  };
  return h(
    "button",
    {
      type: "button",
      class: `chip ${level}`,
      "aria-pressed": String(view.level === level),
      "data-level": level,
      onclick: pick,
    },
    mark(level),
    h("b", {}, count(number)),
    ` ${t(`level.${level}`)}`,
  );
}

// Sparks: one range query per signal for all tiles in view that need a fresh one.

const sparksSoon = debounce(() => refreshSparks().catch(() => {}), 150);

async function refreshSparks() {
  const at = now();
  const needed = new Map(); // hosts by signal
  for (const card of view.visible) {
    if (!card.element.isConnected || at - card.sparksAt < sparkStep(at)) continue;
    card.sparksAt = at;
    for (const id of card.sparks.keys()) needed.set(id, [...(needed.get(id) ?? []), card.name]);
  }
  await Promise.all([...needed].map(([id, names]) => loadSparks(id, names, at)));
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
    const shown = values.map(([time, value]) => [time, turn(Number(value))]);
    if (line) draw(line, shown, { ...window, top });
  }
}

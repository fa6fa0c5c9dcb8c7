// The explorer: any query over any range, as a graph and as a table.

import { queryRange, quoted, render } from "./api.js";
import { Catalogue, CatalogueList } from "./catalogue.js";
import { Chart } from "./chart.js";
import { h } from "./dom.js";
import { count, figure, unitOf } from "./format.js";
import { Grid, summary } from "./grid.js";
import { t } from "./i18n.js";
import { QueryRow } from "./query-row.js";
import { RangeBar } from "./range-bar.js";
import { resolve } from "./range.js";
import { begin, explain, main, poll } from "./shell.js";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const MOST_SERIES = 200; // drawn; a graph with more tells nobody anything
const MOST_ROWS = 500;
const EXAMPLES = [
  ["promql", '100 - {"system.cpu.idle"}'],
  ["promql", 'topk(5, {"system.load.norm.5"})'],
  ["promql", 'sum by (host) ({"system.net.bytes_rcvd"})'],
  ["promql", 'max by (host) ({"system.disk.in_use"}) > 0.8'],
  ["graphite", "movingAverage(seriesByTag('name=system.load.1'), '5min')"],
];

begin("nav.explore");
const catalogue = new Catalogue();
const bar = new RangeBar(() => again());
const rows = [];
const rowList = h("div", { class: "queries" });
const hint = h("p", { class: "muted", role: "status" });
const examples = h(
  "div",
  { class: "examples" },
  h("p", { class: "muted" }, t("explore.examples")),
  EXAMPLES.map(([language, text]) =>
    h(
      "button",
      { type: "button", class: "button", onclick: () => tryOut(language, text) },
      h("code", {}, text),
    ),
  ),
);
const place = h("section", { class: "panel chart", "aria-label": t("explore.graph") });
const table = h("div", {
  class: "scroll",
  tabindex: "0",
  role: "region",
  "aria-label": t("explore.table"),
});
const list = new CatalogueList(catalogue, { pick, narrow });
main.append(
  h("h1", { class: "visually-hidden" }, t("nav.explore")),
  h(
    "div",
    { class: "explore" },
    h(
      "div",
      { class: "work" },
      rowList,
      h(
        "div",
        { class: "query-tools" },
        h(
          "button",
          { type: "button", class: "button primary", onclick: () => run() },
          t("explore.run"),
        ),
        h(
          "button",
          {
            type: "button",
            class: "button",
            onclick: () => add({ language: "promql", text: "" }).input.focus(),
          },
          t("explore.add"),
        ),
        hint,
      ),
      bar.element,
      examples,
      place,
      table,
    ),
    list.element,
  ),
);
const chart = new Chart(place, {
  title: t("explore.graph"),
  unit: unitOf(""),
  height: 320,
  onZoom: (from, to) => bar.pick({ from, to }),
});

let aborter = new AbortController();
fromAddress();
addEventListener("popstate", fromAddress);
const live = poll(load, () => Math.max(resolve(bar.range).step, 10e3));
catalogue.load().then(
  () => list.show(),
  (error) => {
    list.summary.textContent = explain(error);
  },
);

// Queries and the address.

function add(query) {
  const row = new QueryRow(query, { catalogue, run, remove });
  rows.push(row);
  rowList.append(row.element);
  rows.forEach((each, index) => each.name(LETTERS[index % LETTERS.length]));
  row.input.addEventListener("focus", () => {
    focused = row;
  });
  return row;
}

let focused = null;

function remove(row) {
  rows.splice(rows.indexOf(row), 1);
  row.element.remove();
  if (rows.length === 0) add({ language: "promql", text: "" });
  rows.forEach((each, index) => each.name(LETTERS[index % LETTERS.length]));
  run();
}

function fromAddress() {
  const queries = new URLSearchParams(location.search).getAll("q").map((written) => {
    const [, language = "promql", text] = /^(?:(promql|graphite):)?([\s\S]*)$/.exec(written);
    return { language, text };
  });
  const same =
    queries.length === rows.length &&
    queries.every(({ text }, index) => text === rows[index].query.text);
  if (same && rows.length) return;
  rows.splice(0);
  rowList.replaceChildren();
  (queries.length ? queries : [{ language: "promql", text: "" }]).forEach(add);
}

/** Asks all queries, and puts them into the address. */
function run() {
  const parameters = new URLSearchParams(location.search);
  parameters.delete("q");
  for (const row of rows)
    if (row.query.text) parameters.append("q", `${row.query.language}:${row.query.text}`);
  if (`?${parameters}` !== location.search) history.pushState(null, "", `?${parameters}`);
  again();
}

function again() {
  aborter.abort();
  aborter = new AbortController();
  live.again();
}

function tryOut(language, text) {
  rows[0].language.value = language;
  rows[0].text = text;
  run();
}

/** A metric of the list goes into the row last used, or into a new one if that has a query. */
function pick(name) {
  const row =
    [focused, rows.at(-1)].find(
      (candidate) => candidate && rows.includes(candidate) && !candidate.query.text,
    ) ?? add({ language: "promql", text: "" });
  row.language.value = "promql";
  row.text = metricQuery(name);
  run();
}

function metricQuery(name, matcher = "") {
  const inner = [quoted(name), matcher].filter(Boolean).join(", ");
  const selector = matcher || catalogue.selector(name) !== name ? `{${inner}}` : name;
  return catalogue.get(name)?.type === "counter" ? `rate(${selector}[5m])` : selector;
}

function narrow(name, label, value) {
  const row =
    [...rows]
      .reverse()
      .find(({ query }) => query.text.includes(quoted(name)) || query.text === name) ??
    add({ language: "promql", text: "" });
  row.language.value = "promql";
  row.text = metricQuery(name, `${/^\w+$/.test(label) ? label : quoted(label)}=${quoted(value)}`);
  run();
}

// Answers.

let loaded = "";

async function load() {
  const asked = JSON.stringify([
    rows.filter(({ enabled }) => enabled).map(({ query }) => query),
    bar.range,
  ]);
  if (!bar.range.last && asked === loaded) return;
  bar.tick();
  const window = resolve(bar.range);
  const started = performance.now();
  const answers = await Promise.all(rows.map((row, index) => answer(row, index, window)));
  loaded = asked;
  const found = answers.flat();
  const took = Math.round(performance.now() - started);
  hint.textContent = rows.some(({ query }) => query.text)
    ? t("explore.found", { n: count(found.length), ms: took }) +
      (found.length > MOST_SERIES ? ` ${t("explore.first", { n: MOST_SERIES })}` : "")
    : t("explore.start");
  show(found, window);
}

async function answer(row, index, window) {
  const { language, text } = row.query;
  if (!text || !row.enabled) {
    row.fail("");
    return [];
  }
  const letter = LETTERS[index % LETTERS.length];
  try {
    const found =
      language === "graphite" ? await graphite(text, window) : await promql(text, window);
    row.fail("");
    return found.map((each) => ({ ...each, key: `${letter} ${each.key}`, letter }));
  } catch (error) {
    if (error.name === "AbortError" || error.status === 0) throw error;
    row.fail(explain(error));
    return [];
  }
}

async function promql(text, window) {
  const grid = new Grid(window);
  grid.merge(await queryRange(text, window, aborter.signal));
  return named([...grid.rows.values()], text);
}

async function graphite(text, window) {
  const points = Math.round((window.end - window.start) / window.step);
  const found = await render(text, { ...window, points }, aborter.signal);
  const grid = new Grid(window);
  grid.merge(
    found.map(({ target, datapoints }) => ({
      metric: { __name__: target },
      values: datapoints.filter(([value]) => value !== null).map(([value, at]) => [at, value]),
    })),
  );
  return [...grid.rows.values()].map(({ key, metric, values }) => ({
    key,
    metric,
    values,
    name: metric.__name__,
  }));
}

/** Rows of one query, named by what tells them apart: the labels (or the metric) that vary. */
function named(found, text) {
  const labels = new Set(found.flatMap(({ metric }) => Object.keys(metric)));
  const varies = (label) => new Set(found.map(({ metric }) => metric[label])).size > 1;
  const telling = [...labels].filter(varies);
  return found.map((row) => {
    const short = telling.map((label) => row.metric[label]).filter(Boolean);
    return { ...row, name: short.join(" ") || fullName(row.metric) || text };
  });
}

function fullName({ __name__: name = "", ...labels }) {
  const inner = Object.entries(labels).map(([label, value]) => `${label}=${quoted(value)}`);
  return inner.length ? `${name}{${inner.join(", ")}}` : name;
}

/** The unit all series share, as far as their metrics are still known. */
function sharedUnit(found) {
  const units = new Set(found.map(({ metric }) => catalogue.get(metric.__name__)?.unit ?? ""));
  return unitOf(units.size === 1 ? [...units][0] : "");
}

function show(found, window) {
  const unit = sharedUnit(found);
  const scaled =
    unit.scale === 1
      ? found
      : found.map((row) => ({
          ...row,
          values: row.values.map((value) => (value === null ? null : value * unit.scale)),
        }));
  const asked = rows.some(({ query }) => query.text);
  examples.hidden = asked;
  place.hidden = !asked;
  chart.options.unit = unit;
  const several = new Set(found.map(({ letter }) => letter)).size > 1;
  const drawn = scaled
    .slice(0, MOST_SERIES)
    .map((row) => ({ ...row, name: several ? `${row.letter} ${row.name}` : row.name }));
  chart.show(new Grid(window).times(), drawn, [window.start / 1000, window.end / 1000]);
  table.replaceChildren(...(found.length ? [tableOf(scaled, unit)] : []));
}

function tableOf(found, unit) {
  const labels = [...new Set(found.flatMap(({ metric }) => Object.keys(metric)))]
    .filter((label) => label !== "__name__")
    .sort();
  const heads = [
    t("explore.query"),
    t("explore.metric"),
    ...labels,
    ...["last", "min", "mean", "max"].map((name) => t(`chart.${name}`)),
  ];
  const body = found.slice(0, MOST_ROWS).map(({ letter, metric, values, name: series }) => {
    const figures = summary(values);
    return h(
      "tr",
      {},
      h("td", {}, letter),
      h("th", { scope: "row" }, metric.__name__ ?? (labels.length ? "" : series)),
      labels.map((label) => h("td", {}, metric[label] ?? "")),
      ["last", "min", "mean", "max"].map((name) =>
        h("td", { class: "figure" }, figure(figures[name], unit)),
      ),
    );
  });
  return h(
    "table",
    { class: "answers" },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        heads.map((head) => h("th", { scope: "col" }, head)),
      ),
    ),
    h("tbody", {}, body),
  );
}

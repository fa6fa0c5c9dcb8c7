// What an agent runs, as tables: checks, sinks, listeners, losses, services.

import { now } from "./api.js";
import { h } from "./dom.js";
import { byName, clock, count, figure, format, moment, short, span, unitOf } from "./format.js";
import { t } from "./i18n.js";
import { mark } from "./mark.js";
import { servicesTable } from "./services.js";
import { stateLevel } from "./signals.js";
import { command } from "./welcome.js";

export function sections(status) {
  const problem = status.settings?.error;
  return [
    problem ? h("p", { class: "level critical" }, mark("critical"), problem) : null,
    table(
      "agents.checks",
      [
        "agents.check",
        "agents.state",
        "agents.interval",
        "agents.last_run",
        "agents.duration",
        "agents.samples",
        "agents.errors",
      ],
      [...(status.checks ?? [])].sort(byNeed).map(checkRow),
    ),
    table(
      "agents.sinks",
      [
        "agents.sink",
        "agents.state",
        "agents.sent",
        "agents.waiting",
        "agents.oldest",
        "agents.dropped",
        "agents.errors",
      ],
      (status.sinks ?? []).map(sinkRow),
    ),
    table(
      "agents.listeners",
      ["agents.listener", "agents.state", "agents.address"],
      (status.listeners ?? []).map(listenerRow),
    ),
    dropsTable(status.drops ?? {}),
    servicesTable(status.services ?? []),
    h(
      "p",
      { class: "agent-links" },
      h(
        "a",
        { href: `/host/${encodeURIComponent(status.hostname ?? "")}` },
        t("agents.open_host", { host: status.hostname ?? "" }),
      ),
    ),
  ].filter(Boolean);
}

/** What needs a look first, what has nothing to say last. */
function byNeed(a, b) {
  const rank = ({ status }) => ["critical", "warning", "ok", "unknown"].indexOf(stateLevel(status));
  return rank(a) - rank(b) || byName(a.name, b.name);
}

export function table(title, heads, rows) {
  if (!rows.length) return null;
  return h(
    "section",
    {},
    h("h3", {}, t(title)),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": t(title) },
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            heads.map((head) => h("th", { scope: "col" }, t(head))),
          ),
        ),
        h("tbody", {}, rows.flat()),
      ),
    ),
  );
}

function state(name, next) {
  const level = stateLevel(name);
  return h(
    "td",
    {},
    h("span", { class: `level ${level}` }, mark(level), t(`state.${name}`)),
    next ? h("small", {}, ` ${next}`) : null,
  );
}

/** A row, and below it what is wrong and what to do. */
function withMessage(row, message, hint, width) {
  if (!message && !hint) return [row];
  return [
    row,
    h(
      "tr",
      { class: "says" },
      h(
        "td",
        { colspan: width },
        message ? h("p", {}, message) : null,
        hint ? command(hint) : null,
      ),
    ),
  ];
}

function checkRow(check) {
  const { name, instance, interval, status = "unknown", message, hint } = check;
  const { last_run: last, duration, samples = 0, errors = 0, runs = 0, missed = 0 } = check;
  const row = h(
    "tr",
    {},
    h("th", { scope: "row" }, name, instance ? h("small", {}, ` ${instance}`) : null),
    state(status, missed ? t("agents.missed", { n: missed }) : ""),
    h("td", {}, span(interval)),
    h("td", { title: last ? moment(last) : null }, last ? clock(last) : "–"),
    h("td", {}, figure(duration, unitOf("second"))),
    h("td", {}, count(samples)),
    worry(errors, count(errors), t("agents.of_runs", { runs })),
  );
  return withMessage(row, status === "ok" ? "" : message, hint, 7);
}

function sinkRow(sink) {
  const { name, state: how = "unknown", message, next_try: next } = sink;
  const { sent = 0, errors = 0, queue, dropped = {} } = sink;
  const lost = Object.entries(dropped).filter(([, number]) => number);
  const reasons = lost.map(([reason, number]) => `${short(number)} ${reason}`);
  const row = h(
    "tr",
    {},
    h("th", { scope: "row" }, name),
    state(how, next > now() ? t("agents.next_try", { at: clock(next) }) : ""),
    h("td", {}, short(sent)),
    h("td", {}, queue ? waiting(queue) : "–"),
    h("td", {}, queue?.oldest ? span((now() - queue.oldest) / 1000) : "–"),
    worry(lost.length, reasons.join(", ") || "0"),
    worry(errors, count(errors)),
  );
  return withMessage(row, message, "", 7);
}

function waiting({ samples, bytes }) {
  return t("agents.queue", { samples: short(samples), bytes: format(bytes, unitOf("byte")) });
}

/** A cell that stands out when there is something in it to worry about. */
function worry(whether, shown, title = null) {
  return h("td", { class: whether ? "warning" : null, title }, shown);
}

function listenerRow({ name, addresses, state: how, message }) {
  const row = h(
    "tr",
    {},
    h("th", { scope: "row" }, name),
    state(how ?? "unknown"),
    h("td", {}, (addresses ?? []).join(", ") || "–"),
  );
  return withMessage(row, message, "", 3);
}

export function dropsTable(drops) {
  const rows = Object.entries(drops)
    .filter(([, number]) => number)
    .map(([what, number]) => [
      h("tr", {}, h("th", { scope: "row" }, what), h("td", { class: "warning" }, count(number))),
    ]);
  return table("agents.drops", ["agents.what", "agents.dropped"], rows);
}

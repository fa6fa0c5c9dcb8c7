// The agents: what each runs, what it sends where, what it lost and what it still needs.

import { agents, now } from "./api.js";
import { debounce, h } from "./dom.js";
import { clock, count, format, moment, short, span, unitOf } from "./format.js";
import { healthStrip } from "./health.js";
import { t } from "./i18n.js";
import { mark } from "./mark.js";
import { begin, main, poll } from "./shell.js";
import { worse } from "./signals.js";
import { servicesTable } from "./services.js";
import { command, emptyState } from "./welcome.js";

const REFRESH = 5e3;
const SILENT_AFTER = 90e3;
const LEVEL_OF = {
  ok: "ok",
  idle: "ok",
  sending: "ok",
  listening: "ok",
  waiting: "unknown",
  no_data: "unknown",
  unknown: "unknown",
  needs_setup: "warning",
  warning: "warning",
  retrying: "warning",
  critical: "critical",
  failed: "critical",
};

const levelOf = (state) => LEVEL_OF[state] ?? "unknown";

begin("nav.agents");
const search = h("input", {
  type: "search",
  class: "search",
  placeholder: t("agents.search"),
  "aria-label": t("agents.search"),
  "data-search": true,
  autocomplete: "off",
  spellcheck: "false",
  oninput: debounce(() => show(), 60),
});
const total = h("p", { class: "facts" });
const list = h("div", { class: "agents" });
main.append(
  h("div", { class: "agents-head" }, h("h1", {}, t("nav.agents")), total, search),
  list,
  healthStrip(),
);

let known = [];
const cards = new Map(); // agent id → {element, drawn}
poll(
  async () => {
    known = await agents();
    show();
  },
  () => REFRESH,
);

function show() {
  main.querySelector(".welcome")?.remove();
  if (known.length === 0) list.before(emptyState());
  const at = now();
  const wanted = search.value.trim().toLowerCase();
  const judged = known
    .map((agent) => ({
      ...agent,
      age: Math.max(0, at - agent.received),
      level: verdict(agent, at),
    }))
    .filter(({ host, agent }) => `${host} ${agent}`.toLowerCase().includes(wanted))
    .sort((a, b) =>
      a.level === b.level
        ? a.host.localeCompare(b.host, undefined, { numeric: true })
        : worse(a.level, b.level) === a.level
          ? -1
          : 1,
    );
  total.textContent = known.length ? t("agents.total", { n: count(known.length) }) : "";
  const elements = judged.map((agent) => {
    const card = cards.get(agent.agent) ?? newCard(agent, known.length === 1);
    card.show(agent);
    return card.element;
  });
  for (const child of [...list.children]) if (!elements.includes(child)) child.remove();
  elements.forEach(
    (element, index) =>
      list.children[index] !== element && list.insertBefore(element, list.children[index] ?? null),
  );
}

function verdict({ received, status }, at) {
  if (at - received > SILENT_AFTER) return "silent";
  const states = [
    ...(status.checks ?? []),
    ...(status.sinks ?? []),
    ...(status.listeners ?? []),
  ].map((part) => levelOf(part.status ?? part.state));
  const reached = states.filter((level) => level !== "unknown").reduce(worse, "ok");
  return status.settings?.error ? worse(reached, "warning") : reached;
}

/** An agent's card. Its body is made only while it is open, and anew only when it says something
 * else, so that what a person has selected or opened in it stays. */
function newCard(first, open) {
  const summary = h("summary");
  const body = h("div", { class: "agent-body" });
  const element = h(
    "details",
    { class: "panel agent", open, "data-agent": first.agent },
    summary,
    body,
  );
  const card = { element, agent: first, drawn: "" };
  const draw = () => {
    const said = JSON.stringify(card.agent.status);
    if (!element.open || said === card.drawn || body.contains(document.activeElement)) return;
    card.drawn = said;
    body.replaceChildren(...sections(card.agent.status));
  };
  card.show = (agent) => {
    card.agent = agent;
    summary.replaceChildren(...headline(agent));
    draw();
  };
  element.addEventListener("toggle", draw);
  cards.set(first.agent, card);
  return card;
}

function headline({ host, status, age, level }) {
  const checks = status.checks ?? [];
  const troubled = checks.filter(({ status: state }) => !["ok", "waiting"].includes(state)).length;
  const queued = sum((status.sinks ?? []).map(({ queue }) => queue?.samples ?? 0));
  const lost = sum((status.sinks ?? []).flatMap(({ dropped }) => Object.values(dropped ?? {})));
  return [
    h(
      "span",
      { class: "agent-name" },
      mark(level),
      h("b", {}, host),
      h("span", { class: "visually-hidden" }, t(`level.${level}`)),
    ),
    fact("agents.version", status.version ?? "–"),
    fact("agents.up", status.started ? span((now() - status.started) / 1000) : "–"),
    fact("agents.heard", t("ago", { age: span(age / 1000) }), level === "silent" ? "silent" : ""),
    fact(
      "agents.checks",
      troubled
        ? t("agents.checks_bad", { n: checks.length, bad: troubled })
        : String(checks.length),
      troubled ? "warning" : "",
    ),
    fact("agents.queued", short(queued)),
    fact("agents.lost", short(lost), lost ? "warning" : ""),
  ];
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

function fact(key, value, level = "") {
  return h("span", { class: `fact ${level}` }, h("small", {}, t(key)), h("span", {}, value));
}

function sections(status) {
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
      (status.checks ?? []).map(checkRow),
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
      ["agents.listener", "agents.state", "agents.received"],
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

function table(title, heads, rows) {
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
  const level = levelOf(name);
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

function checkRow({
  name,
  instance,
  interval,
  status,
  last_run: last,
  duration,
  samples,
  errors,
  runs,
  message,
  hint,
}) {
  const row = h(
    "tr",
    {},
    h("th", { scope: "row" }, name, instance ? h("small", {}, ` ${instance}`) : null),
    state(status ?? "unknown"),
    h("td", {}, interval ? span(interval) : "–"),
    h("td", { title: last ? moment(last) : null }, last ? clock(last) : "–"),
    h(
      "td",
      {},
      duration === null || duration === undefined ? "–" : format(duration, unitOf("second")),
    ),
    h("td", {}, count(samples ?? 0)),
    h(
      "td",
      { title: t("agents.of_runs", { runs: runs ?? 0 }), class: errors ? "warning" : "" },
      count(errors ?? 0),
    ),
  );
  return withMessage(row, status === "ok" ? "" : message, hint, 7);
}

function sinkRow({ name, state: how, sent, queue, dropped, errors, message, next_try: next }) {
  const oldest = queue?.oldest ? span((now() - queue.oldest) / 1000) : "–";
  const lost = Object.entries(dropped ?? {}).filter(([, number]) => number);
  const row = h(
    "tr",
    {},
    h("th", { scope: "row" }, name),
    state(how ?? "unknown", next && next > now() ? t("agents.next_try", { at: clock(next) }) : ""),
    h("td", {}, short(sent ?? 0)),
    h(
      "td",
      {},
      queue
        ? t("agents.queue", {
            samples: short(queue.samples),
            bytes: format(queue.bytes, unitOf("byte")),
          })
        : "–",
    ),
    h("td", {}, oldest),
    h(
      "td",
      { class: lost.length ? "warning" : "" },
      lost.length ? lost.map(([reason, number]) => `${short(number)} ${reason}`).join(", ") : "0",
    ),
    h("td", { class: errors ? "warning" : "" }, count(errors ?? 0)),
  );
  return withMessage(row, message, "", 7);
}

function listenerRow({ name, address, state: how, message, received }) {
  const row = h(
    "tr",
    {},
    h("th", { scope: "row" }, name, h("small", {}, ` ${address ?? ""}`)),
    state(how ?? "unknown"),
    h("td", {}, short(received ?? 0)),
  );
  return withMessage(row, message, "", 3);
}

function dropsTable(drops) {
  const rows = Object.entries(drops)
    .filter(([, number]) => number)
    .map(([what, number]) => [
      h("tr", {}, h("th", { scope: "row" }, what), h("td", { class: "warning" }, count(number))),
    ]);
  return table("agents.drops", ["agents.what", "agents.dropped"], rows);
}

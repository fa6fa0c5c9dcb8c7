// The agents: what each runs, what it sends where, what it lost and what it still needs.

import { sections } from "./agent-tables.js";
import { agents, now } from "./api.js";
import { arrange, debounce, h, renew } from "./dom.js";
import { byName, count, short, span } from "./format.js";
import { healthStrip } from "./health.js";
import { t } from "./i18n.js";
import { mark } from "./mark.js";
import { serverCard } from "./server-card.js";
import { begin, main, poll } from "./shell.js";
import { SILENT_AFTER, stateLevel, worse } from "./signals.js";
import { emptyState } from "./welcome.js";

const REFRESH = 5e3;
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
  serverCard(),
  healthStrip(),
);

let known = [];
const cards = new Map(); // by agent id
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
      a.level === b.level ? byName(a.host, b.host) : worse(a.level, b.level) === a.level ? -1 : 1,
    );
  total.textContent = known.length ? t("agents.total", { n: count(known.length) }) : "";
  const elements = judged.map((agent) => {
    const card = cards.get(agent.agent) ?? newCard(agent, known.length === 1);
    card.show(agent);
    return card.element;
  });
  arrange(list, elements);
}

function verdict({ received, status }, at) {
  if (at - received > SILENT_AFTER) return "silent";
  const states = [
    ...(status.checks ?? []),
    ...(status.sinks ?? []),
    ...(status.listeners ?? []),
  ].map((part) => stateLevel(part.status ?? part.state));
  const reached = states.filter((level) => level !== "unknown").reduce(worse, "ok");
  return status.settings?.error ? worse(reached, "warning") : reached;
}

/** An agent's card. Its body is made only while it is open. */
function newCard(first, open) {
  const summary = h("summary");
  const body = h("div", { class: "agent-body" });
  const element = h(
    "details",
    { class: "panel agent", open, "data-agent": first.agent },
    summary,
    body,
  );
  const card = { element, agent: first };
  const draw = () => {
    if (element.open) renew(body, sections(card.agent.status));
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
  const troubled = checks.filter(({ status: state }) =>
    ["warning", "critical"].includes(stateLevel(state)),
  ).length;
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

const sum = (numbers) => numbers.reduce((before, number) => before + number, 0);

function fact(key, value, level = "") {
  return h("span", { class: `fact ${level}` }, h("small", {}, t(key)), h("span", {}, value));
}

// The server on the agents' page: what it lost and why, its limits, its store.

import { status } from "./api.js";
import { dropsTable, table } from "./agent-tables.js";
import { h, renew } from "./dom.js";
import { count, format, moment, unitOf } from "./format.js";
import { t } from "./i18n.js";
import { mark } from "./mark.js";
import { poll } from "./shell.js";

const REFRESH = 10e3;
const BYTES = /^(body|decompressed|bodies|bytes|file_bytes|free_bytes)$/;
const SECONDS = /_time$/;

/** A card that keeps itself fresh; open it to see more than the name. */
export function serverCard() {
  const summary = h("summary");
  const body = h("div", { class: "agent-body" });
  const element = h("details", { class: "panel agent server", id: "server" }, summary, body);
  let found = null;
  const draw = () => {
    if (element.open && found) renew(body, sections(found));
  };
  element.addEventListener("toggle", draw);
  poll(
    async () => {
      found = await status();
      summary.replaceChildren(...headline(found));
      draw();
    },
    () => REFRESH,
  );
  return element;
}

function headline({ hostname, listen, drops = {} }) {
  const level = Object.keys(drops).length ? "warning" : "ok";
  return [
    h(
      "span",
      { class: "agent-name" },
      mark(level),
      h("b", {}, t("overview.server")),
      hostname ?? "",
    ),
    h("small", {}, listen ?? ""),
  ];
}

function sections({ drops, limits, store = {} }) {
  const { details, ...figures } = store;
  return [
    dropsTable(drops ?? {}),
    facts("server.limits", Object.entries(limits ?? {})),
    facts(
      "server.store",
      Object.entries({ ...figures, ...details }).filter(([, value]) => value !== null),
    ),
  ].filter(Boolean);
}

function facts(title, entries) {
  const rows = entries.map(([name, value]) => [
    h("tr", {}, h("th", { scope: "row" }, h("code", {}, name)), h("td", {}, shown(name, value))),
  ]);
  return table(title, ["server.name", "server.value"], rows);
}

function shown(name, value) {
  if (typeof value !== "number") return String(value);
  if (BYTES.test(name)) return format(value, unitOf("byte"));
  if (SECONDS.test(name)) return format(value, unitOf("second"));
  if (name === "oldest" || name === "newest") return moment(value);
  return count(value);
}

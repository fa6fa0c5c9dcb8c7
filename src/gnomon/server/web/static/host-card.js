// The tile of one host on the first page, in three sizes: roomy, compact, and a single line.

import { h } from "./dom.js";
import { parts, span, unitOf } from "./format.js";
import { t } from "./i18n.js";
import { mark } from "./mark.js";
import { SIGNALS } from "./signals.js";
import { spark } from "./spark.js";

/** Its element stays as long as the page; the contents are made anew only when they say something
 * else, and only when somebody can see them or nothing else is to be done. */
export class HostCard {
  constructor(name) {
    const bold = h("b", {}, name);
    this.link = h("a", { href: `/host/${encodeURIComponent(name)}`, class: "host-link" }, bold);
    this.element = h("li", { class: "host", "data-host": name }, this.link);
    this.name = name;
    this.sparks = new Map(); // by signal
    this.sparksAt = 0; // when they were asked for last, ms
    this.shape = "";
    this.said = "";
  }

  /** Takes the newest facts; `draw` shows them. */
  take(host, size, services = []) {
    this.host = host;
    this.size = size;
    this.services = services;
    this.element.className = `host ${host.level} ${size}`;
    const signals = size === "roomy" ? readingsOf(host) : size === "compact" ? [told(host)] : [];
    const shape = `${size} ${signals}`;
    if (shape === this.shape) return;
    this.shape = shape;
    this.sparksAt = 0;
    this.sparks = new Map(signals.map((id) => [id, spark()]));
  }

  draw() {
    const { host, size, services } = this;
    const figures = Object.values(host.readings).map((reading) => figure(reading)[0]);
    const said = JSON.stringify([this.shape, host.level, figures, trouble(host), services]);
    const old = this.element.querySelector(".host-foot");
    if (old) old.textContent = footnote(host);
    if (said === this.said) return;
    this.said = said;
    this.link.replaceChildren(...PARTS[size](this));
  }
}

const PARTS = {
  roomy: ({ host, sparks, services }) => [
    heading(host),
    h("span", { class: "host-why" }, trouble(host) || t("overview.well")),
    h(
      "span",
      { class: "vitals" },
      [...sparks].map(([id, line]) => vital(host.readings[id], line)),
    ),
    serviceNames(services),
    h("span", { class: "host-foot" }, footnote(host)),
  ],
  compact: ({ host, sparks }) => {
    const [[id, line]] = sparks;
    const reading = host.readings[id];
    const said = trouble(host);
    const telling = reading && !host.silent && (reading.level !== "ok" || !said);
    return [
      heading(host),
      h("span", { class: "host-why" }, said || t(`signal.${id}`)),
      telling ? h("span", { class: `host-value ${reading.level}` }, figure(reading)) : "",
      host.silent || !reading ? "" : line,
    ];
  },
  line: ({ host }) => {
    const reading = host.readings[told(host)];
    return [heading(host), reading ? h("span", { class: "host-value" }, figure(reading)) : ""];
  },
};

const readingsOf = (host) => Object.keys(SIGNALS).filter((id) => host.readings[id]);

/** The signal a small tile tells of: the worst of an ill host, the work of a well one. */
function told(host) {
  return host.worst && host.worst.level !== "ok" ? host.worst.id : "cpu";
}

function heading({ name, level }) {
  const spoken = h("span", { class: "visually-hidden" }, t(`level.${level}`));
  return h("span", { class: "host-name" }, mark(level), spoken, h("b", { title: name }, name));
}

function vital(reading, line) {
  const place = reading.place ? h("small", {}, ` ${reading.place}`) : null;
  return h(
    "span",
    { class: `vital ${reading.level}` },
    h("span", { class: "vital-name" }, t(`signal.${reading.id}`), place),
    line,
    h("span", { class: "vital-value" }, figure(reading)),
  );
}

function figure({ id, value }) {
  const [number, unit] = parts(value, unitOf(SIGNALS[id].unit));
  return [number, unit ? h("small", {}, ` ${unit}`) : null];
}

/** What is wrong, in words: silence, failing checks, the readings over a limit. */
function trouble(host) {
  const said = [];
  if (host.silent && host.age === null) said.push(t("overview.silent"));
  else if (host.silent) said.push(t("overview.silent_for", { age: span(host.age / 1000) }));
  const readings = Object.values(host.readings);
  if (!host.silent && readings.length === 0) said.push(t("overview.no_vitals"));
  for (const { check } of host.failing.slice(0, 3)) said.push(check);
  for (const { id, level, place } of readings) {
    if (level !== "ok") said.push([t(`signal.${id}`), place].filter(Boolean).join(" "));
  }
  return said.join(" · ");
}

/** The databases and servers found on the host, those that still need something marked. */
function serviceNames(services) {
  if (!services.length) return "";
  const names = services.map(({ name, version, hint, message }) =>
    h(
      "span",
      { class: hint ? "service-name needy" : "service-name", title: message || null },
      hint ? mark("warning") : null,
      [name, version].filter(Boolean).join(" "),
    ),
  );
  return h("span", { class: "host-services" }, names);
}

function footnote({ age }) {
  return age === null ? "" : t("overview.heard", { age: span(age / 1000) });
}

// The server's own health in one line: what it takes in, what it keeps, what it lost.

import { status } from "./api.js";
import { h } from "./dom.js";
import { format, short, span, unitOf } from "./format.js";
import { t } from "./i18n.js";
import { poll } from "./shell.js";

const REFRESH = 10e3;
const SOON = 2e3; // a rate needs two looks

/** A list of figures that keeps itself fresh. */
export function healthStrip() {
  const element = h("dl", { class: "health", "aria-label": t("overview.server") });
  let before = null;
  let rates = 0;
  poll(
    async () => {
      const found = await status();
      const rate =
        before && found.now > before.now
          ? (taken(found) - taken(before)) / ((found.now - before.now) / 1000)
          : null;
      before = found;
      rates += rate === null ? 0 : 1;
      element.replaceChildren(
        ...figures(found, rate).map(([key, value, level = ""]) =>
          h("div", { class: level }, h("dt", {}, t(`health.${key}`)), h("dd", {}, value)),
        ),
      );
    },
    () => (rates ? REFRESH : SOON),
  );
  return element;
}

/** Sum of a self-metric over its label sets ("name{a=b}": value). */
function total(metrics, name) {
  return Object.entries(metrics ?? {}).reduce(
    (sum, [key, value]) => (key.split("{")[0] === name ? sum + value : sum),
    0,
  );
}

const taken = ({ metrics }) => total(metrics, "gnomon.ingest.samples");

function figures({ version, started, now, store = {}, drops = {}, queue = {} }, rate) {
  const lost = Object.values(drops).reduce((sum, value) => sum + value, 0);
  return [
    ["version", version ?? "–"],
    ["up", started ? span((now - started) / 1000) : "–"],
    ["rate", rate === null ? "…" : short(Math.max(0, rate))],
    ["queued", short(queue.samples ?? 0)],
    ["dropped", short(lost), lost ? "warning" : ""],
    ["series", short(store.series)],
    ["samples", short(store.samples)],
    ["disk", format(store.bytes, unitOf("byte"))],
  ];
}

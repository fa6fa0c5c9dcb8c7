// What a page says while nothing reports yet: what to do, in lines that can be copied.

import { h } from "./dom.js";
import { t } from "./i18n.js";
import { notice } from "./shell.js";

/** A command with a button that copies it. */
export function command(line) {
  return h(
    "div",
    { class: "command" },
    h("pre", {}, h("code", {}, line)),
    h("button", { type: "button", class: "button quiet", onclick: () => copy(line) }, t("copy")),
  );
}

/** Copies to the clipboard and says so. */
export async function copy(line) {
  try {
    await navigator.clipboard.writeText(line);
    notice(t("copied"), { brief: true });
  } catch {
    notice(t("copy_failed"), { level: "warning", brief: true }); // plain http from afar, mostly
  }
}

/** The empty overview. */
export function emptyState() {
  const server = location.origin;
  return h(
    "section",
    { class: "welcome" },
    h("h2", {}, t("welcome.title")),
    h("p", {}, t("welcome.text")),
    h("h3", {}, t("welcome.here")),
    command("gnomon up"),
    h("h3", {}, t("welcome.elsewhere")),
    command(`gnomon agent --server ${server}`),
    h("h3", {}, t("welcome.push")),
    command(
      `curl -d '{"metric":{"__name__":"demo","host":"here"},"values":[1],"timestamps":['$(date +%s000)']}' ${server}/api/v1/import`,
    ),
  );
}

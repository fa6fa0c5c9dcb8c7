// The services an agent found on its host, and what each still needs.

import { h } from "./dom.js";
import { t } from "./i18n.js";
import { command } from "./welcome.js";

/** A list of services, or null when none was found. */
export function servicesTable(services) {
  if (!services.length) return null;
  return h(
    "section",
    { class: "services", "aria-label": t("host.services") },
    h("h2", {}, t("host.services")),
    h(
      "ul",
      {},
      services.map((service) => h("li", {}, describe(service))),
    ),
  );
}

function describe({ name, version, port, address, message, hint }) {
  const title = h(
    "span",
    {},
    h("b", {}, [name, version].filter(Boolean).join(" ")),
    " ",
    h("small", {}, where(address, port)),
  );
  if (!hint)
    return h(
      "div",
      { class: "service" },
      title,
      message ? h("span", { class: "muted" }, message) : null,
    );
  return h(
    "details",
    { class: "service needs" },
    h("summary", {}, title, h("span", { class: "level warning" }, message)),
    command(hint),
  );
}

function where(address, port) {
  if (!port) return address ?? "";
  return address && !["0.0.0.0", "::", "*"].includes(address) ? `${address}:${port}` : `:${port}`;
}

// What all pages share: navigation, theme, language, keys and their help, polling, notices.

import { forgetColours, h } from "./dom.js";
import { language, setLanguage, t, translate } from "./i18n.js";
import { recall, remember } from "./prefs.js";

const root = document.documentElement;
export const main = document.getElementById("main");

/** Sets the page up: called once by each page's module. */
export function begin(titleKey) {
  translate(document);
  document.querySelector(`[data-nav="${root.dataset.page}"]`)?.setAttribute("aria-current", "page");
  setTitle(t(titleKey));
  document.getElementById("tools").append(
    tool(
      language === "zh" ? "EN" : "中文",
      t("tool.language"),
      () => setLanguage(language === "zh" ? "en" : "zh"),
      "language",
    ),
    tool("◐", t("tool.theme"), toggleTheme, "theme"),
    tool("?", t("tool.keys"), showKeys, "keys"),
  );
  document.addEventListener("keydown", pressed);
  castShadow();
}

export function setTitle(title) {
  document.title = `${title} · Gnomon`;
}

function tool(label, title, action, name) {
  return h(
    "button",
    {
      type: "button",
      class: "tool",
      title,
      "aria-label": title,
      "data-tool": name,
      onclick: action,
    },
    label,
  );
}

/** The dial of the logo tells the time: its shadow falls where the sun would throw it. */
function castShadow() {
  const shadow = document.querySelector(".dial-shadow");
  const at = new Date();
  const hour = at.getHours() + at.getMinutes() / 60;
  const daylight = ((hour + 18) % 24) / 12; // 0 at six in the morning, 1 at six in the evening
  const angle = Math.PI * (daylight <= 1 ? daylight : daylight - 1);
  const [x, y] = [16 - 11 * Math.cos(angle), 25 - 11 * Math.sin(angle)];
  const side = 1.6;
  shadow?.setAttribute(
    "d",
    `M16 25L${(x - side * Math.sin(angle)).toFixed(1)} ${(y + side * Math.cos(angle)).toFixed(1)}` +
      ` ${(x + side * Math.sin(angle)).toFixed(1)} ${(y - side * Math.cos(angle)).toFixed(1)}Z`,
  );
  setTimeout(castShadow, 60e3);
}

// Theme: follows the system until somebody switches; switching back to the system's follows again.

const systemDark = matchMedia("(prefers-color-scheme: dark)");

function toggleTheme() {
  const dark = (root.dataset.theme ?? (systemDark.matches ? "dark" : "light")) === "dark";
  const next = dark ? "light" : "dark";
  const system = systemDark.matches ? "dark" : "light";
  if (next === system) delete root.dataset.theme;
  else root.dataset.theme = next;
  remember("theme", next === system ? null : next);
  themeChanged();
}

function themeChanged() {
  forgetColours();
  document.dispatchEvent(new Event("gnomon:theme"));
}

systemDark.addEventListener("change", () => {
  if (!recall("theme")) themeChanged();
});

// Keys.

const bindings = new Map([
  ["/", { help: "keys.search", run: () => document.querySelector("[data-search]")?.focus() }],
  ["?", { help: "keys.help", run: showKeys }],
  ["g h", { help: "keys.hosts", run: () => location.assign("/") }],
  ["g e", { help: "keys.explore", run: () => location.assign("/explore") }],
  ["g a", { help: "keys.agents", run: () => location.assign("/agents") }],
  ["d", { help: "keys.theme", run: toggleTheme }],
]);
let prefix = "";

/** Adds keys of a page: {"l": {help: "keys.live", run}}. */
export function bindKeys(more) {
  for (const [key, binding] of Object.entries(more)) bindings.set(key, binding);
}

function pressed(event) {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && typing) {
    typing.blur();
    return;
  }
  if (typing) return;
  const key = prefix ? `${prefix} ${event.key}` : event.key;
  prefix = key === "g" ? "g" : "";
  const binding = bindings.get(key);
  if (!binding) return;
  event.preventDefault();
  binding.run();
}

function showKeys() {
  document.querySelector("dialog.keys")?.remove();
  const rows = [...bindings].map(([key, { help }]) =>
    h(
      "div",
      {},
      h("dt", {}, ...key.split(" ").map((part) => h("kbd", {}, part))),
      h("dd", {}, t(help)),
    ),
  );
  const dialog = h(
    "dialog",
    { class: "keys", "aria-label": t("keys.title") },
    h("h2", {}, t("keys.title")),
    h("dl", {}, rows),
    h("form", { method: "dialog" }, h("button", { class: "button" }, t("close"))),
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}

// Notices: one line at the foot of the page, spoken by screen readers.

const notices = document.getElementById("notices");

/** Shows a line until it is replaced or cleared; a short one goes by itself. */
export function notice(message, { level = "info", brief = false } = {}) {
  notices.replaceChildren(...(message ? [h("p", { class: `notice ${level}` }, message)] : []));
  if (brief) setTimeout(() => notices.replaceChildren(), 2500);
}

/** Says on the page what an error was, in the language of the page where it is one of ours. */
export function explain(error) {
  if (error.status === 0) return t("error.unreachable");
  if (error.status === 503 || error.status === 429)
    return t("error.busy", { detail: error.message });
  return error.message.replace(/^invalid parameter "query": /, "");
}

/** Runs `task` now and again `interval()` ms after each end, not while the page is hidden, and
 * ever more rarely while the server does not answer. Returns {again, stop}. */
export function poll(task, interval) {
  let timer = 0;
  let failures = 0;
  let running = null;
  let stopped = false;

  const round = async () => {
    clearTimeout(timer);
    if (document.hidden || stopped) return;
    if (running) return;
    running = task();
    try {
      await running;
      if (failures) notice("");
      failures = 0;
    } catch (error) {
      if (error.name !== "AbortError") {
        failures += 1;
        notice(explain(error), { level: "critical" });
        if (!error.status && error.name !== "ApiError" && !("status" in error))
          console.error(error);
      }
    }
    running = null;
    if (!stopped)
      timer = setTimeout(
        round,
        Math.min(interval() * 2 ** Math.min(failures, 4), 30e3 + interval()),
      );
  };

  document.addEventListener("visibilitychange", round);
  round();
  return {
    again: round,
    stop: () => {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", round);
    },
  };
}

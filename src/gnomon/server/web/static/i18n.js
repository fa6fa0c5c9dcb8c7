// One table of strings per language; t("key", {name: value}) looks one up.

import { en } from "./i18n/en.js";
import { zh } from "./i18n/zh.js";
import { remember } from "./prefs.js";

const TABLES = { en, zh };

/** The language in use: "en" or "zh". */
export const language = document.documentElement.lang.startsWith("zh") ? "zh" : "en";

/** The string of a key with {placeholders} filled in; the key itself where it is missing. */
export function t(key, values = {}) {
  const found = TABLES[language][key] ?? en[key] ?? key;
  return found.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Switches the language. All of a page's state is in its address, so the page starts again. */
export function setLanguage(next) {
  remember("language", next);
  location.reload();
}

/** Fills in the strings of the HTML shell. */
export function translate(root) {
  for (const element of root.querySelectorAll("[data-i18n]"))
    element.textContent = t(element.dataset.i18n);
  for (const element of root.querySelectorAll("[data-i18n-label]")) {
    element.setAttribute("aria-label", t(element.dataset.i18nLabel));
  }
}

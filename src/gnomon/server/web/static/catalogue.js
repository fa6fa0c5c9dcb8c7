// All metrics there are, searched as one types, and the list that shows them.

import { labelNames, labelValues, metadata, quoted } from "./api.js";
import { debounce, h } from "./dom.js";
import { count } from "./format.js";
import { t } from "./i18n.js";

const SHOWN = 250;

/** Names, kinds, units and help of all metrics. */
export class Catalogue {
  constructor() {
    this.metrics = new Map();
  }

  async load() {
    const [about, names] = await Promise.all([metadata(), labelValues("__name__")]);
    this.metrics = new Map(names.map((name) => [name, { name, ...(about[name] ?? {}) }]));
  }

  has(name) {
    return this.metrics.has(name);
  }

  get(name) {
    return this.metrics.get(name);
  }

  /** Metrics with all words of what was typed; those that begin with it first. */
  search(typed, most) {
    const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
    const found = [...this.metrics.values()].filter((metric) => {
      const name = metric.name.toLowerCase();
      const dotted = name.replaceAll("_", ".");
      return words.every(
        (word) => name.includes(word) || dotted.includes(word.replaceAll("_", ".")),
      );
    });
    const first = (metric) => (metric.name.toLowerCase().startsWith(words[0] ?? "") ? 0 : 1);
    return found.sort((a, b) => first(a) - first(b) || (a.name < b.name ? -1 : 1)).slice(0, most);
  }

  /** How PromQL writes it. */
  selector(name) {
    return /^[a-zA-Z_:][\w:]*$/.test(name) ? name : `{${quoted(name)}}`;
  }
}

/** The searchable list. `pick(name)` takes a metric, `narrow(name, label, value)` one of its series. */
export class CatalogueList {
  constructor(catalogue, { pick, narrow }) {
    this.catalogue = catalogue;
    this.pick = pick;
    this.narrow = narrow;
    this.search = h("input", {
      type: "search",
      class: "search",
      placeholder: t("explore.find"),
      "aria-label": t("explore.find"),
      "data-search": true,
      autocomplete: "off",
      spellcheck: "false",
      oninput: debounce(() => this.show(), 60),
    });
    this.summary = h("p", { class: "muted", role: "status" });
    this.list = h("ul", { class: "metrics" });
    this.element = h(
      "aside",
      { class: "catalogue panel", "aria-label": t("explore.metrics") },
      this.search,
      this.summary,
      this.list,
    );
  }

  show() {
    const found = this.catalogue.search(this.search.value, Infinity);
    const more = found.length > SHOWN ? t("explore.first", { n: SHOWN }) : "";
    this.summary.textContent = `${t("host.metrics", { n: count(found.length) })} ${more}`.trim();
    this.list.replaceChildren(...found.slice(0, SHOWN).map((metric) => this.entry(metric)));
  }

  entry({ name, type, unit, help }) {
    const about = h("div", { class: "about" });
    const more = h(
      "details",
      {},
      h("summary", { "aria-label": t("explore.labels_of", { name }) }),
      about,
    );
    more.addEventListener(
      "toggle",
      () => more.open && !about.childElementCount && this.describe(name, help, about),
    );
    const kind = [type && type !== "unknown" ? type : "", unit].filter(Boolean).join(", ");
    return h(
      "li",
      {},
      h(
        "button",
        { type: "button", title: help || null, onclick: () => this.pick(name) },
        name,
        kind ? h("small", {}, kind) : null,
      ),
      more,
    );
  }

  async describe(name, help, about) {
    if (help) about.append(h("p", {}, help));
    const selector = `{${quoted(name)}}`;
    const labels = (await labelNames({ selector })).filter((label) => label !== "__name__");
    const rows = await Promise.all(
      labels.slice(0, 12).map(async (label) => [label, await labelValues(label, { selector })]),
    );
    about.append(
      ...rows.map(([label, values]) =>
        h(
          "div",
          { class: "label" },
          h("b", {}, label),
          values
            .slice(0, 30)
            .map((value) =>
              h(
                "button",
                { type: "button", onclick: () => this.narrow(name, label, value) },
                value,
              ),
            ),
          values.length > 30 ? h("small", {}, `+${values.length - 30}`) : null,
        ),
      ),
    );
  }
}

// One query of the explorer: language, text with completion, its error with the place.

import { completeGraphite, completePromql } from "./complete.js";
import { debounce, h } from "./dom.js";
import { t } from "./i18n.js";

let made = 0;

export class QueryRow {
  /** `run()` asks everything anew, `remove(row)` takes the row away. */
  constructor({ language, text }, { catalogue, run, remove }) {
    made += 1;
    this.id = `query-${made}`;
    this.catalogue = catalogue;
    this.run = run;
    this.enabled = true;
    this.items = [];
    this.active = -1;
    this.language = h(
      "select",
      { class: "select", "aria-label": t("explore.language"), onchange: () => run() },
      h("option", { value: "promql" }, "PromQL"),
      h("option", { value: "graphite" }, "Graphite"),
    );
    this.language.value = language;
    this.input = h("textarea", {
      class: "field query",
      rows: 1,
      spellcheck: "false",
      autocapitalize: "off",
      autocomplete: "off",
      placeholder: t("explore.type"),
      "aria-label": t("explore.query"),
      role: "combobox",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": `${this.id}-list`,
    });
    this.input.value = text;
    this.letter = h("button", {
      type: "button",
      class: "letter",
      "aria-pressed": "true",
      title: t("explore.mute"),
      onclick: () => this.mute(),
    });
    this.popup = h("ul", {
      class: "completions",
      id: `${this.id}-list`,
      role: "listbox",
      hidden: true,
    });
    this.error = h("pre", { class: "query-error", role: "alert", hidden: true });
    this.element = h(
      "div",
      { class: "query-row" },
      this.letter,
      this.language,
      h("div", { class: "query-box" }, this.input, this.popup),
      h(
        "button",
        {
          type: "button",
          class: "button quiet",
          "aria-label": t("explore.remove"),
          title: t("explore.remove"),
          onclick: () => remove(this),
        },
        "✕",
      ),
      this.error,
    );
    this.listen();
  }

  listen() {
    const suggest = debounce(() => this.suggest(), 80);
    this.input.addEventListener("input", () => {
      this.grow();
      suggest();
    });
    this.input.addEventListener("keydown", (event) => this.pressed(event));
    this.input.addEventListener("blur", () => setTimeout(() => this.close(), 150));
    requestAnimationFrame(() => this.grow());
  }

  get query() {
    return { language: this.language.value, text: this.input.value.trim() };
  }

  set text(value) {
    this.input.value = value;
    this.grow();
  }

  /** Gives the row its place and says how many series it found. */
  name(letter) {
    this.letter.textContent = letter;
  }

  mute() {
    this.enabled = !this.enabled;
    this.letter.setAttribute("aria-pressed", String(this.enabled));
    this.run();
  }

  grow() {
    this.input.style.height = "auto";
    this.input.style.height = `${this.input.scrollHeight + 2}px`;
  }

  /** Shows an error below the query, and where in it if the message says so. */
  fail(message) {
    this.error.hidden = !message;
    this.input.setAttribute("aria-invalid", String(Boolean(message)));
    if (!message) return;
    const place = placeOf(message, this.input.value);
    const shown = place === null ? [] : [...excerpt(this.input.value, place), "\n"];
    this.error.replaceChildren(...shown, h("span", {}, message));
  }

  async suggest() {
    const { value, selectionStart: at } = this.input;
    const asked = `${value}\u0000${at}`;
    this.asked = asked;
    const complete = this.language.value === "promql" ? completePromql : completeGraphite;
    let found = { from: at, items: [] };
    try {
      found = await complete(value, at, this.catalogue);
    } catch {
      // no candidates then; the query itself will say what is wrong
    }
    if (this.asked !== asked || document.activeElement !== this.input) return;
    this.from = found.from;
    const chosen = this.items[this.active]?.label;
    this.items = found.items;
    this.active = chosen ? this.items.findIndex(({ label }) => label === chosen) : -1;
    this.showItems();
  }

  showItems() {
    this.popup.hidden = this.items.length === 0;
    this.input.setAttribute("aria-expanded", String(!this.popup.hidden));
    this.popup.replaceChildren(
      ...this.items.map((item, index) =>
        h(
          "li",
          {
            role: "option",
            id: `${this.id}-${index}`,
            "aria-selected": String(index === this.active),
            onmousedown: (event) => {
              event.preventDefault();
              this.take(item);
            },
          },
          h("span", {}, item.label),
          h("small", {}, item.detail || t(`complete.${item.kind}`)),
        ),
      ),
    );
    this.mark();
  }

  mark() {
    [...this.popup.children].forEach((child, index) =>
      child.setAttribute("aria-selected", String(index === this.active)),
    );
    if (this.active >= 0) {
      this.input.setAttribute("aria-activedescendant", `${this.id}-${this.active}`);
      this.popup.children[this.active].scrollIntoView({ block: "nearest" });
    } else this.input.removeAttribute("aria-activedescendant");
  }

  take(item) {
    const { value, selectionStart: at } = this.input;
    const rest = value.slice(at);
    const inserted =
      item.text.endsWith('"') && rest.startsWith('"') ? item.text.slice(0, -1) : item.text;
    this.input.value = value.slice(0, this.from) + inserted + rest;
    const cursor = this.from + inserted.length;
    this.input.setSelectionRange(cursor, cursor);
    this.close();
    this.grow();
    if (/[.("]$/.test(inserted)) this.suggest();
  }

  close() {
    this.asked = "";
    this.items = [];
    this.active = -1;
    this.showItems();
  }

  pressed(event) {
    const open = !this.popup.hidden;
    if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.active = (this.active + step + this.items.length) % this.items.length;
      this.mark();
    } else if (open && (event.key === "Tab" || event.key === "Enter") && this.active >= 0) {
      event.preventDefault();
      this.take(this.items[this.active]);
    } else if (open && event.key === "Escape") {
      event.stopPropagation();
      this.close();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.close();
      this.run();
    } else if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      this.suggest();
    }
  }
}

/** Offset in the text of the place an error names: "line:column: ..." or "... at position n". */
function placeOf(message, text) {
  const lines = /(\d+):(\d+): parse error/.exec(message);
  if (lines) {
    const before = text
      .split("\n")
      .slice(0, Number(lines[1]) - 1)
      .join("\n");
    return before.length + (before ? 1 : 0) + Number(lines[2]) - 1;
  }
  const position = / at position (\d+)/.exec(message);
  return position ? Number(position[1]) - 1 : null;
}

/** The line with the place marked, and a sign below it. */
function excerpt(text, place) {
  const start = text.lastIndexOf("\n", place - 1) + 1;
  const stop = text.indexOf("\n", place);
  const line = text.slice(start, stop < 0 ? undefined : stop);
  const column = place - start;
  return [
    line.slice(0, column),
    h("mark", {}, line.slice(column, column + 1) || " "),
    line.slice(column + 1),
    `\n${" ".repeat(column)}▲`,
  ];
}

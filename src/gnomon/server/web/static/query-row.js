// One query of the explorer: language, text with completion, its error with the place.

import { completeGraphite, completePromql } from "./complete.js";
import { h } from "./dom.js";
import { t } from "./i18n.js";
import { Suggestions } from "./suggestions.js";

export class QueryRow {
  /** `run()` asks everything anew, `remove(row)` takes the row away. */
  constructor({ language, text }, { catalogue, run, remove }) {
    this.run = run;
    this.enabled = true;
    this.language = languages(language, run);
    this.input = field(text);
    this.letter = h("button", {
      type: "button",
      class: "letter",
      "aria-pressed": "true",
      title: t("explore.mute"),
      onclick: () => this.mute(),
    });
    this.suggestions = new Suggestions(this.input, (written, at) =>
      this.language.value === "promql"
        ? completePromql(written, at, catalogue)
        : completeGraphite(written, at),
    );
    this.error = h("pre", { class: "query-error", role: "alert", hidden: true });
    this.element = h(
      "div",
      { class: "query-row" },
      this.letter,
      this.language,
      h("div", { class: "query-box" }, this.input, this.suggestions.element),
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
    this.input.addEventListener("input", () => this.grow());
    this.input.addEventListener("keydown", (event) => this.pressed(event));
    requestAnimationFrame(() => this.grow());
  }

  get query() {
    return { language: this.language.value, text: this.input.value.trim() };
  }

  set text(value) {
    this.input.value = value;
    this.grow();
  }

  /** The letter that stands for the query in the legend and the table. */
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

  pressed(event) {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    this.suggestions.close();
    this.run();
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
}

function languages(chosen, onchange) {
  const select = h(
    "select",
    { class: "select", "aria-label": t("explore.language"), onchange: () => onchange() },
    h("option", { value: "promql" }, "PromQL"),
    h("option", { value: "graphite" }, "Graphite"),
  );
  select.value = chosen;
  return select;
}

function field(text) {
  const input = h("textarea", {
    class: "field query",
    rows: 1,
    spellcheck: "false",
    autocapitalize: "off",
    autocomplete: "off",
    placeholder: t("explore.type"),
    "aria-label": t("explore.query"),
  });
  input.value = text;
  return input;
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

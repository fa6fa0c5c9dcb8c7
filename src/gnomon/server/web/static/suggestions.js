// The list of candidates below a text field: filled as one types, walked with the arrow keys.

import { debounce, h } from "./dom.js";
import { t } from "./i18n.js";

let made = 0;

export class Suggestions {
  /** `find(text, cursor)` answers {from, items: [{text, label, kind, detail}]}; `from` is where the
   * text begins that a candidate replaces. */
  constructor(input, find) {
    made += 1;
    this.id = `suggestions-${made}`;
    this.input = input;
    this.find = find;
    this.items = [];
    this.active = -1;
    this.element = h("ul", { class: "completions", id: this.id, role: "listbox", hidden: true });
    for (const [name, value] of Object.entries({
      role: "combobox",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": this.id,
    })) {
      input.setAttribute(name, value);
    }
    const soon = debounce(() => this.ask(), 80);
    input.addEventListener("input", soon);
    input.addEventListener("blur", () => this.close());
    input.addEventListener("keydown", (event) => this.pressed(event));
  }

  get open() {
    return !this.element.hidden;
  }

  async ask() {
    const { value, selectionStart: at } = this.input;
    const asked = { value, at };
    this.asked = asked;
    let found = { from: at, items: [] };
    try {
      found = await this.find(value, at);
    } catch {
      // no candidates then; the query itself will say what is wrong
    }
    if (this.asked !== asked || document.activeElement !== this.input) return;
    const chosen = this.items[this.active]?.label;
    this.from = found.from;
    this.items = found.items;
    this.active = chosen ? this.items.findIndex(({ label }) => label === chosen) : -1;
    this.show();
  }

  close() {
    this.asked = null;
    this.items = [];
    this.active = -1;
    this.show();
  }

  show() {
    this.element.hidden = this.items.length === 0;
    this.input.setAttribute("aria-expanded", String(this.open));
    this.element.replaceChildren(...this.items.map((item, index) => this.option(item, index)));
    this.mark();
  }

  option(item, index) {
    const take = (event) => {
      event.preventDefault(); // the field keeps the focus
      this.take(item);
    };
    return h(
      "li",
      { role: "option", id: `${this.id}-${index}`, onmousedown: take },
      h("span", {}, item.label),
      h("small", {}, item.detail || t(`complete.${item.kind}`)),
    );
  }

  mark() {
    for (const [index, child] of [...this.element.children].entries()) {
      child.setAttribute("aria-selected", String(index === this.active));
    }
    const chosen = this.element.children[this.active];
    chosen?.scrollIntoView({ block: "nearest" });
    if (chosen) this.input.setAttribute("aria-activedescendant", chosen.id);
    else this.input.removeAttribute("aria-activedescendant");
  }

  /** Puts a candidate into the text; goes on where it is only the beginning of something. */
  take(item) {
    const { value, selectionStart: at } = this.input;
    const rest = value.slice(at);
    const closed = item.text.endsWith('"') && rest.startsWith('"');
    const inserted = closed ? item.text.slice(0, -1) : item.text;
    const cursor = this.from + inserted.length;
    this.input.value = value.slice(0, this.from) + inserted + rest;
    this.input.setSelectionRange(cursor, cursor);
    this.close();
    if (/[.("]$/.test(inserted)) this.ask();
  }

  pressed(event) {
    if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      this.ask();
    } else if (this.open && this.steer(event.key)) {
      event.preventDefault();
      event.stopImmediatePropagation(); // Enter means this candidate, not "run"
    }
  }

  /** Whether the key was meant for the list. */
  steer(key) {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (key in steps) {
      const from = this.active < 0 && key === "ArrowUp" ? 0 : this.active;
      this.active = (from + steps[key] + this.items.length) % this.items.length;
      this.mark();
    } else if ((key === "Enter" || key === "Tab") && this.active >= 0) {
      this.take(this.items[this.active]);
    } else if (key === "Escape") this.close();
    else return false;
    return true;
  }
}

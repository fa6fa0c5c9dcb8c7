// The row of controls that chooses the time range of a page.

import { h, text } from "./dom.js";
import { clock, day } from "./format.js";
import { t } from "./i18n.js";
import { CHOICES, fromSearch, resolve, shifted, toSearch } from "./range.js";
import { bindKeys } from "./shell.js";
import { copy } from "./welcome.js";

/** Keeps the range, the address and the controls the same. `changed(range)` is called when a
 * person, a chart or the browser's back button picked another one. */
export class RangeBar {
  constructor(changed) {
    this.changed = changed;
    this.range = fromSearch(location.search);
    this.choices = Object.keys(CHOICES).map((last) =>
      h(
        "button",
        { type: "button", class: "button", "data-last": last, onclick: () => this.pick({ last }) },
        t(`range.${last}`),
      ),
    );
    this.shown = h("button", {
      type: "button",
      class: "button shown",
      title: t("range.custom"),
      "aria-haspopup": "dialog",
      onclick: () => this.ask(),
    });
    this.live = h(
      "button",
      { type: "button", class: "button live", onclick: () => this.pick({ last: this.lastPicked }) },
      h("i"),
      t("range.live"),
    );
    this.lastPicked = this.range.last ?? "15m";
    this.suggested = false;
    this.element = h(
      "div",
      { class: "range", role: "group", "aria-label": t("range.label") },
      h("div", { class: "joined" }, this.choices),
      h(
        "div",
        { class: "joined" },
        arrow("‹", "range.earlier", () => this.pick(shifted(this.range, { by: -0.5 }))),
        this.shown,
        arrow("›", "range.later", () => this.pick(shifted(this.range, { by: 0.5 }))),
        arrow("−", "range.zoom_out", () => this.pick(shifted(this.range, { zoom: 2 }))),
      ),
      this.live,
      h(
        "button",
        { type: "button", class: "button quiet", onclick: () => copy(this.permanent()) },
        t("range.link"),
      ),
    );
    bindKeys({
      "[": { help: "keys.earlier", run: () => this.pick(shifted(this.range, { by: -0.5 })) },
      "]": { help: "keys.later", run: () => this.pick(shifted(this.range, { by: 0.5 })) },
      "+": { help: "keys.zoom_in", run: () => this.pick(shifted(this.range, { zoom: 0.5 })) },
      "-": { help: "keys.zoom_out", run: () => this.pick(shifted(this.range, { zoom: 2 })) },
      l: { help: "keys.live", run: () => this.pick({ last: this.lastPicked }) },
    });
    addEventListener("popstate", () => {
      this.range = fromSearch(location.search);
      this.show();
      this.changed(this.range);
    });
    this.show();
  }

  /** Takes a range unless somebody chose one: by a control, or by the address they came with. */
  suggest(range) {
    if (this.suggested || /[?&](last|from)=/.test(location.search)) return;
    this.suggested = true;
    this.range = range;
    this.lastPicked = range.last;
    this.show();
  }

  /** Takes a new range, writes it into the address and tells the page. */
  pick(range) {
    this.range = range;
    if (range.last) this.lastPicked = range.last;
    history.pushState(null, "", `?${toSearch(range, new URLSearchParams(location.search))}`);
    this.show();
    this.changed(range);
  }

  show() {
    for (const button of this.choices)
      button.setAttribute("aria-pressed", String(button.dataset.last === this.range.last));
    this.live.setAttribute("aria-pressed", String(Boolean(this.range.last)));
    this.tick();
  }

  /** Says which times are shown; called again as a live range goes on. */
  tick() {
    const { start, end } = this.range.last
      ? resolve(this.range)
      : { start: this.range.from, end: this.range.to };
    const exact = !this.range.last && end - start < 3600e3;
    const brief = this.range.last && end - start < 86400e3;
    const from = brief ? clock(start, exact) : `${day(start)} ${clock(start, exact)}`;
    const sameDay = brief || day(start) === day(end);
    text(this.shown, `${from} – ${sameDay ? "" : `${day(end)} `}${clock(end, exact)}`);
  }

  /** The address that shows just this, for ever. */
  permanent() {
    const { start, end } = resolve(this.range);
    const search = toSearch({ from: start, to: end }, new URLSearchParams(location.search));
    return `${location.origin}${location.pathname}?${search}`;
  }

  ask() {
    const { start, end } = resolve(this.range);
    const field = (name, ms) =>
      h(
        "label",
        {},
        t(`range.${name}`),
        h("input", {
          class: "field",
          type: "datetime-local",
          step: 1,
          name,
          required: true,
          value: local(ms),
        }),
      );
    const form = h(
      "form",
      { method: "dialog" },
      field("from", start),
      field("to", end),
      h("button", { class: "button primary", value: "show" }, t("range.apply")),
      h("button", { class: "button quiet", value: "", formnovalidate: true }, t("close")),
    );
    const dialog = h(
      "dialog",
      { class: "ask-range", "aria-label": t("range.custom") },
      h("h2", {}, t("range.custom")),
      form,
    );
    dialog.addEventListener("close", () => {
      const [from, to] = [form.from, form.to].map(({ value }) => Date.parse(value));
      if (dialog.returnValue === "show" && to > from) this.pick({ from, to });
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
  }
}

function arrow(sign, key, action) {
  return h(
    "button",
    { type: "button", class: "button", title: t(key), "aria-label": t(key), onclick: action },
    sign,
  );
}

/** As a datetime-local field wants it. */
function local(ms) {
  return `${day(ms)}T${clock(ms)}`;
}

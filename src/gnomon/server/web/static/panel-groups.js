// Panels under headings that fold; a folded group costs nothing until it is opened.

import { arrange, h, text } from "./dom.js";

export class PanelGroups {
  /** `make(panel)` answers the element of a panel; it is asked once for each. */
  constructor(make) {
    this.make = make;
    this.groups = new Map(); // by title
    this.element = h("div", { class: "groups" });
  }

  /** Shows groups [{title, note, open, panels}]. Called again with more, it adds what is new and
   * leaves the rest as it is, folded or not. */
  show(wanted) {
    const shown = wanted.map(({ title, note = "", open, panels }) => {
      const group = this.groups.get(title) ?? this.add(title, open);
      group.panels = panels;
      text(group.note, note);
      this.fill(group);
      return group.element;
    });
    arrange(this.element, shown);
  }

  add(title, open) {
    const note = h("small");
    const charts = h("div", { class: "charts" });
    const summary = h("summary", {}, h("h2", {}, title), note);
    const attributes = { class: "group", open, "data-family": title };
    const element = h("details", attributes, summary, charts);
    const group = { element, charts, note, panels: [], made: new Map() };
    element.addEventListener("toggle", () => this.fill(group));
    this.groups.set(title, group);
    return group;
  }

  fill({ element, charts, panels, made }) {
    if (!element.open) return;
    for (const panel of panels) if (!made.has(panel.id)) made.set(panel.id, this.make(panel));
    arrange(
      charts,
      panels.map(({ id }) => made.get(id)),
    );
  }
}

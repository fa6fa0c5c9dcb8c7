// A board of panels over one time range: loads those in view, keeps them live, redraws on change.

import { queryRange } from "./api.js";
import { Chart } from "./chart.js";
import { h } from "./dom.js";
import { Grid } from "./grid.js";
import { t } from "./i18n.js";
import { explorerQueries, expressionFor, nameRows, panelUnit } from "./panels.js";
import { fromSearch, resolve, toSearch } from "./range.js";
import { explain, poll } from "./shell.js";

const LATE = 30e3; // ms; samples may arrive this long after their time (agents send in batches)

/** One panel: its data and its chart. */
export class PanelView {
  constructor(panel, host, onZoom) {
    this.panel = panel;
    this.host = host;
    this.unit = panelUnit(panel);
    this.grid = null;
    this.title = panel.title ?? t(`panel.${panel.id}`);
    this.error = h("p", { class: "panel-error", role: "alert", hidden: true });
    this.element = h(
      "section",
      { class: "panel chart", "data-panel": panel.id, "aria-label": this.title },
      h(
        "header",
        {},
        h("h3", { title: panel.help || null }, this.title),
        h(
          "a",
          {
            class: "to-explorer",
            href: "/explore",
            title: t("explore.open"),
            "aria-label": `${t("explore.open")}: ${this.title}`,
            onclick: (event) => this.openIn(event.currentTarget),
          },
          "↗",
        ),
      ),
      this.error,
    );
    this.chart = new Chart(this.element, { ...panel, title: this.title, unit: this.unit, onZoom });
  }

  /** Makes the link lead to the explorer with the panel's queries over the range shown now. */
  openIn(link) {
    const queries = explorerQueries(this.panel, this.host).map((query) => ["q", `promql:${query}`]);
    link.href = `/explore?${toSearch(fromSearch(location.search), new URLSearchParams(queries))}`;
  }

  /** Whether what is shown is on the grid of this window already. */
  follows({ start, step }) {
    return (
      this.grid !== null &&
      this.grid.step === step &&
      start >= this.grid.start &&
      start <= this.grid.end
    );
  }

  /** Loads the window, or only its new tail when most of it is there. */
  async load(window, signal) {
    const known = this.follows(window);
    const since = known
      ? Math.max(window.start, this.grid.end - Math.max(LATE, window.step * 2))
      : window.start;
    const start = Math.floor(since / window.step) * window.step;
    let result;
    try {
      const expression = expressionFor(this.panel, this.host, window.step);
      result = await queryRange(expression, { ...window, start }, signal);
    } catch (error) {
      if (error.name === "AbortError" || error.status === 0) throw error;
      this.fail(error);
      return;
    }
    if (known) this.grid.slide(window);
    else this.grid = new Grid(window);
    this.grid.merge(result, start, this.unit.scale);
    this.error.hidden = true;
    this.draw(window);
  }

  draw(window) {
    const rows = nameRows(this.panel, [...this.grid.rows.values()]);
    this.chart.show(this.grid.times(), rows, [window.start / 1000, window.end / 1000]);
  }

  fail(error) {
    this.error.textContent = explain(error);
    this.error.hidden = false;
  }

  /** Milliseconds between the newest two samples; Infinity where there are none. */
  pace() {
    let least = Infinity;
    for (const { values } of this.grid?.rows.values() ?? []) {
      const last = values.findLastIndex((value) => value !== null);
      const before =
        last > 0 ? values.findLastIndex((value, column) => column < last && value !== null) : -1;
      if (before >= 0) least = Math.min(least, (last - before) * this.grid.step);
    }
    return least;
  }
}

/** Panels in view are loaded and kept live; the others wait until somebody scrolls to them. */
export class Board {
  constructor(bar) {
    this.bar = bar;
    this.views = new Map(); // element → PanelView
    this.inView = new Set();
    this.shown = new Map(); // PanelView → the range it shows
    this.aborter = new AbortController();
    this.observer = new IntersectionObserver((entries) => this.scrolled(entries), {
      rootMargin: "150px",
    });
    this.live = poll(
      () => this.follow(),
      () => this.interval(),
    );
  }

  add(view) {
    this.views.set(view.element, view);
    this.observer.observe(view.element);
    return view.element;
  }

  scrolled(entries) {
    for (const { target, isIntersecting } of entries) {
      const view = this.views.get(target);
      if (isIntersecting) this.inView.add(view);
      else this.inView.delete(view);
    }
    this.loadMissing();
  }

  /** Another range: what is under way is of no use any more. */
  changed() {
    this.aborter.abort();
    this.aborter = new AbortController();
    this.loadMissing();
    this.live.again();
  }

  loadMissing() {
    const window = resolve(this.bar.range);
    for (const view of this.inView) {
      if (this.shown.get(view) === this.bar.range) continue;
      this.shown.set(view, this.bar.range);
      view.load(window, this.aborter.signal).catch((error) => {
        this.shown.delete(view);
        if (error.name !== "AbortError") this.live.again();
      });
    }
  }

  /** One round of the live mode. */
  async follow() {
    if (!this.bar.range.last) return;
    this.bar.tick();
    const window = resolve(this.bar.range);
    const { signal } = this.aborter;
    await Promise.all(
      [...this.inView]
        .filter((view) => this.shown.get(view) === this.bar.range && view.grid)
        .map((view) => view.load(window, signal)),
    );
  }

  /** Every second while samples come every second (the first minutes of an agent), else as often
   * as there is something new to see. */
  interval() {
    const { step } = resolve(this.bar.range);
    const pace = Math.min(...[...this.inView].map((view) => view.pace()));
    if (pace <= 2000) return 1000;
    return Math.min(Math.max(step, 5000), 60e3);
  }
}

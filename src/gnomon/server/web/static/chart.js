// One chart with its legend: uPlot drawing values of a Grid, a synchronised cursor, drag to zoom.

import { colour, h, text } from "./dom.js";
import { figure, format, moment, timeTicks } from "./format.js";
import { summary } from "./grid.js";
import { t } from "./i18n.js";

const uPlot = globalThis.uPlot;
const PALETTE = 10;
const BYTE_STEPS = Array.from({ length: 60 }, (_, power) => 2 ** power);
const TIME_STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400,
  172800, 604800,
];
const SPAN_STEPS = [
  ...[1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1].flatMap((size) => [size, 2 * size, 5 * size]),
  ...TIME_STEPS,
  ...[2, 5, 10, 20, 50, 100, 200, 500, 1000].map((weeks) => weeks * 604800),
];
const BRIDGED = 45; // seconds without a value that are drawn as a line: a few missed samples of 10 s

/** Charts with the same key share the cursor. */
const sync = uPlot.sync("gnomon");

/** Only the pointer is shared; a drag belongs to the chart it happens in. */
const SHARED = new Set(["mousemove", "mouseenter", "mouseleave"]);

export class Chart {
  /** `options`: title, unit ({base, rate}), stacked, min, max (of the value axis), height,
   * colours (index by series name), onZoom(from, to) in ms. */
  constructor(place, options) {
    this.options = { height: 170, ...options };
    this.rows = []; // {key, name, values, shown, colour}
    this.hidden = new Set();
    this.colours = new Map(); // by key, so that a series keeps its colour as others come and go
    this.times = [];
    this.plot = null;
    this.canvas = h("div", { class: "chart-canvas", role: "img", "aria-label": options.title });
    this.legend = new Legend(this);
    place.append(this.canvas, this.legend.element);
    this.resizing = new ResizeObserver(() => this.fit());
    this.resizing.observe(this.canvas);
    this.recolour = () => this.plot?.redraw(false, true);
    document.addEventListener("gnomon:theme", this.recolour);
  }

  /** Shows rows [{key, name, values}] over times (s) between from and to (s). */
  show(times, rows, [from, to]) {
    const same =
      rows.length === this.rows.length &&
      rows.every(({ key }, index) => key === this.rows[index].key);
    this.times = times;
    this.window = [from, to];
    const step = times.length > 1 ? times[1] - times[0] : 1;
    this.rows = rows.map((row) => ({
      ...row,
      colour: `--c${(this.hue(row) % PALETTE) + 1}`,
      pace: spacing(row.values) * step,
    }));
    if (!same || !this.plot) this.rebuild();
    else this.plot.setData(this.data(), true);
    this.legend.show(this.rows);
    this.describe();
  }

  hue({ key, colour: given }) {
    if (!this.colours.has(key)) this.colours.set(key, given ?? this.colours.size);
    return this.colours.get(key);
  }

  visible(row) {
    return !this.hidden.has(row.key);
  }

  toggle(key, alone) {
    const others = this.rows.filter((row) => row.key !== key);
    if (alone) {
      const isolated = others.every((row) => this.hidden.has(row.key));
      this.hidden = new Set(isolated ? [] : others.map((row) => row.key));
    } else if (!this.hidden.delete(key)) this.hidden.add(key);
    this.rebuild();
    this.legend.show(this.rows);
  }

  /** Columns as uPlot wants them; stacked rows are sums of those before. */
  data() {
    if (!this.options.stacked) return [this.times, ...this.rows.map(({ values }) => values)];
    const sums = new Array(this.times.length).fill(0);
    const columns = this.rows.map((row) =>
      row.values.map((value, column) => {
        if (value === null) return null;
        if (this.visible(row)) sums[column] += value;
        return sums[column];
      }),
    );
    return [this.times, ...columns];
  }

  rebuild() {
    const width = this.canvas.clientWidth;
    this.plot?.destroy();
    this.plot = null;
    if (!width || !this.window) return; // folded away, or nothing loaded yet
    this.plot = new uPlot(this.settings(width), this.data(), this.canvas);
  }

  fit() {
    const width = this.canvas.clientWidth;
    if (!width) return;
    if (!this.plot) this.rebuild();
    else if (this.plot.width !== width) this.plot.setSize({ width, height: this.options.height });
  }

  settings(width) {
    const { stacked, height } = this.options;
    return {
      width,
      height,
      padding: [8, 6, 0, 0],
      legend: { show: false },
      cursor: {
        x: true,
        y: false,
        drag: { x: true, y: false, setScale: false, dist: 4 },
        sync: { key: sync.key, setSeries: false, filters: { pub: (type) => SHARED.has(type) } },
        points: { size: 6, width: 0, fill: (_, index) => this.tint(index) },
      },
      select: { show: true, left: 0, top: 0, width: 0, height: 0 },
      scales: {
        x: { time: true, range: () => this.window },
        y: { range: (_, low, high) => this.limits(low, high) },
      },
      axes: [this.timeAxis(), this.valueAxis()],
      series: [{}, ...this.rows.map((row) => this.line(row))],
      bands: stacked
        ? this.rows.slice(1).map((_, index) => ({ series: [index + 2, index + 1] }))
        : [],
      hooks: {
        setSelect: [(plot) => this.selected(plot)],
        setCursor: [(plot) => this.legend.at(plot.cursor.idx)],
      },
    };
  }

  tint(index) {
    return colour(this.rows[index - 1]?.colour ?? "--c1");
  }

  line(row) {
    const { stacked } = this.options;
    const first = this.rows.length === 1;
    const fill = (alpha) => (_, index) => translucent(this.tint(index), alpha);
    return {
      label: row.name,
      show: this.visible(row),
      stroke: (_, index) => this.tint(index),
      width: stacked ? 1 : 1.4,
      fill: stacked ? fill(0.55) : first ? fill(0.1) : undefined,
      points: { show: (plot, index, from, to) => sparse(plot.data[index], from, to), size: 4 },
      gaps: (plot, index, _from, _to, gaps) => this.realGaps(plot, index, gaps),
    };
  }

  /** A line is broken only where several samples are missing, however often they come. */
  realGaps(plot, index, gaps) {
    const seconds = Math.max(BRIDGED, 2.5 * (this.rows[index - 1]?.pace ?? 0));
    const [from] = this.window;
    const least = plot.valToPos(from + seconds, "x", true) - plot.valToPos(from, "x", true);
    return gaps.filter(([begin, end]) => end - begin > least);
  }

  limits(low, high) {
    const { min = null, max = null } = this.options;
    if (low === null || high === null) return [min ?? 0, max ?? 1];
    const floor = min ?? (low >= 0 ? 0 : low - (high - low) * 0.1);
    const room = (high - Math.min(floor, low)) * 0.12;
    const ceiling = Math.max(high + (room || Math.abs(high) * 0.2 || 1), 0);
    return [floor, max === null ? ceiling : Math.max(max, high)];
  }

  timeAxis() {
    return {
      ...this.axis(),
      size: 26,
      space: 64,
      gap: 4,
      incrs: TIME_STEPS,
      values: (_, splits, _axis, _space, increment) => timeTicks(splits, increment),
    };
  }

  valueAxis() {
    const { unit } = this.options;
    return {
      ...this.axis(),
      space: 32,
      gap: 5,
      // One width for all charts, so that the same time is at the same place in each.
      size: (_, values) =>
        Math.max(62, 14 + 6.2 * Math.max(0, ...(values ?? []).map((value) => value.length))),
      incrs: { byte: BYTE_STEPS, second: SPAN_STEPS }[unit.base],
      values: (_, splits) => splits.map((value) => format(value, unit)),
    };
  }

  axis() {
    return {
      stroke: () => colour("--muted"),
      font: "11px system-ui, sans-serif",
      grid: { stroke: () => colour("--line"), width: 1 },
      ticks: { stroke: () => colour("--line"), width: 1, size: 4 },
      border: { show: false },
    };
  }

  selected(plot) {
    const { left, width } = plot.select;
    if (width < 4) return;
    const [from, to] = [left, left + width].map((at) => plot.posToVal(at, "x") * 1000);
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.options.onZoom?.(from, to);
  }

  /** The chart in words, for those who do not see it. */
  describe() {
    const { title, unit } = this.options;
    const series = this.rows
      .slice(0, 6)
      .map(({ name, values }) => `${name} ${format(summary(values).last, unit)}`)
      .join(", ");
    this.canvas.setAttribute(
      "aria-label",
      t("chart.describe", { title, series: series || t("chart.no_data") }),
    );
    this.canvas.classList.toggle("empty", this.rows.length === 0);
    this.canvas.dataset.empty = t("chart.no_data");
  }

  destroy() {
    this.resizing.disconnect();
    document.removeEventListener("gnomon:theme", this.recolour);
    this.plot?.destroy();
  }
}

/** Columns from one value to the next, at the least. */
function spacing(values) {
  let least = Infinity;
  let before = -Infinity;
  for (const [column, value] of values.entries()) {
    if (value === null) continue;
    least = Math.min(least, column - before);
    before = column;
    if (least === 1) break;
  }
  return Number.isFinite(least) ? least : 1;
}

/** Whether a row is so sparse that only dots would show it. */
function sparse(values, from, to) {
  let seen = 0;
  for (let index = from; index <= to; index += 1)
    if (values[index] !== null && values[index] !== undefined) seen += 1;
  return seen < 3;
}

function translucent(tint, alpha) {
  return tint.replace(/^rgb\(/, "rgba(").replace(/\)$/, `, ${alpha})`);
}

const HEAD = ["last", "min", "max"];

/** The table below a chart: a row for each series; a click hides one, a double click leaves it alone. */
class Legend {
  constructor(chart) {
    this.chart = chart;
    this.rows = new Map();
    this.body = h("tbody");
    this.when = h("th", { class: "when" }, "");
    this.head = h("tr", {}, this.when, ...HEAD.map((name) => h("th", {}, t(`chart.${name}`))));
    this.element = h(
      "div",
      { class: "legend", tabindex: "-1" },
      h("table", {}, h("thead", {}, this.head), this.body),
    );
  }

  show(rows) {
    const kept = new Map(rows.map((row) => [row.key, this.rows.get(row.key) ?? this.entry(row)]));
    const elements = [...kept.values()].map(({ element }) => element);
    if (
      elements.length !== this.body.children.length ||
      elements.some((element, index) => this.body.children[index] !== element)
    ) {
      this.body.replaceChildren(...elements);
    }
    this.rows = kept;
    for (const row of rows) {
      const entry = kept.get(row.key);
      entry.row = row;
      entry.swatch.setAttribute("class", `swatch s${row.colour.slice(3)}`);
      const visible = this.chart.visible(row);
      entry.button.setAttribute("aria-pressed", String(visible));
      entry.element.classList.toggle("off", !visible);
      const figures = summary(row.values);
      HEAD.forEach((name, index) =>
        text(entry.cells[index], figure(figures[name], this.chart.options.unit)),
      );
    }
  }

  entry(row) {
    const swatch = h("i", { class: "swatch" });
    const button = h(
      "button",
      {
        type: "button",
        title: row.name,
        onclick: (event) => this.chart.toggle(row.key, event.detail > 1 || event.shiftKey),
      },
      swatch,
      h("span", {}, row.name),
    );
    const cells = HEAD.map(() => h("td"));
    return {
      element: h("tr", {}, h("th", { scope: "row" }, button), ...cells),
      swatch,
      button,
      cells,
      row,
    };
  }

  /** While the cursor is on a chart the first column is the value there. */
  at(index) {
    const { times, options } = this.chart;
    const here = index !== null && index !== undefined && times[index] !== undefined;
    text(this.when, here ? moment(times[index] * 1000) : "");
    this.element.classList.toggle("pointing", here);
    for (const { row, cells } of this.rows.values()) {
      const value = here ? nearest(row.values, index) : summary(row.values).last;
      text(cells[0], figure(value, options.unit));
    }
  }
}

/** The value at a column, or a few columns before it where samples are rarer than columns. */
function nearest(values, index) {
  for (let column = index; column >= Math.max(0, index - 10); column -= 1) {
    if (values[column] !== null && values[column] !== undefined) return values[column];
  }
  return null;
}

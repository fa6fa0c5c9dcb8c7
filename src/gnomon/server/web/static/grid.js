// Values of several series on one regular time grid, which slides along as time goes on.

/** Column j is the time start + j*step (ms); a missing value is null, as the charts want it. */
export class Grid {
  constructor({ start, end, step }) {
    this.start = start;
    this.step = step;
    this.width = Math.round((end - start) / step) + 1;
    this.rows = new Map(); // key of the series → {metric, values}
  }

  get end() {
    return this.start + (this.width - 1) * this.step;
  }

  /** All times in seconds. */
  times() {
    return Array.from(
      { length: this.width },
      (_, column) => (this.start + column * this.step) / 1000,
    );
  }

  /** Puts an answer of a range query in; from `since` on it replaces what was there. */
  merge(result, since = this.start, scale = 1) {
    const first = Math.max(0, Math.ceil((since - this.start) / this.step));
    for (const row of this.rows.values()) row.values.fill(null, first);
    for (const { metric, values } of result) {
      const row = this.row(metric);
      for (const [seconds, value] of values) {
        const column = Math.round((seconds * 1000 - this.start) / this.step);
        if (column >= 0 && column < this.width) row.values[column] = number(value, scale);
      }
    }
  }

  row(metric) {
    const key = keyOf(metric);
    let row = this.rows.get(key);
    if (!row) {
      row = { key, metric, values: new Array(this.width).fill(null) };
      this.rows.set(key, row);
    }
    return row;
  }

  /** Moves the window to a later one of the same step; series without any value left go. */
  slide({ start, end }) {
    const columns = Math.round((start - this.start) / this.step);
    this.width = Math.round((end - start) / this.step) + 1;
    this.start = start;
    for (const [key, row] of this.rows) {
      const kept = row.values.slice(Math.max(0, columns), Math.max(0, columns) + this.width);
      row.values = kept.concat(new Array(this.width - kept.length).fill(null));
      if (row.values.every((value) => value === null)) this.rows.delete(key);
    }
  }
}

function number(value, scale) {
  const parsed = Number(value);
  return Number.isFinite(parsed) ? parsed * scale : null;
}

/** One text for a set of labels, whatever their order. */
export function keyOf(metric) {
  return JSON.stringify(Object.entries(metric).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** [last, min, max, mean] of the values that are there, null where none is. */
export function summary(values) {
  let [last, low, high, sum, seen] = [null, null, null, 0, 0];
  for (const value of values) {
    if (value === null) continue;
    last = value;
    sum += value;
    seen += 1;
    if (low === null || value < low) low = value;
    if (high === null || value > high) high = value;
  }
  return { last, min: low, max: high, mean: seen ? sum / seen : null };
}

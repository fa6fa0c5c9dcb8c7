// The time range of a page: relative ("the last hour", live) or fixed, and its form in the address.

import { now } from "./api.js";

/** The choices of the range picker, in ms. */
export const CHOICES = {
  "5m": 300e3,
  "15m": 900e3,
  "1h": 3600e3,
  "6h": 6 * 3600e3,
  "24h": 86400e3,
  "7d": 7 * 86400e3,
};

const STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400,
].map((x) => x * 1000);
const POINTS = 480; // more than most charts have pixels to tell apart on a laptop's half screen

/** What the address says: {last: "1h"} or {from, to} in ms. */
export function fromSearch(search, fallback = "15m") {
  const parameters = new URLSearchParams(search);
  const from = instant(parameters.get("from"));
  const to = instant(parameters.get("to"));
  if (from !== null && to !== null && to > from) return { from, to };
  const last = parameters.get("last");
  return { last: last in CHOICES ? last : fallback };
}

/** Milliseconds, or a date as people write it ("2026-11-20T14:05"). */
function instant(written) {
  if (!written) return null;
  const ms = /^\d{9,}$/.test(written) ? Number(written) : Date.parse(written);
  if (Number.isNaN(ms)) return null;
  return ms < 1e11 ? ms * 1000 : ms;
}

/** Writes a range into search parameters. */
export function toSearch(range, parameters = new URLSearchParams()) {
  for (const key of ["from", "to", "last"]) parameters.delete(key);
  if (range.last) parameters.set("last", range.last);
  else {
    parameters.set("from", Math.round(range.from));
    parameters.set("to", Math.round(range.to));
  }
  return parameters;
}

/** The range as times: {start, end, step}, both ends multiples of the step, so that what was
 * fetched before and what is fetched next lie on one grid. */
export function resolve(range) {
  const to = range.last ? now() : range.to;
  const from = range.last ? to - CHOICES[range.last] : range.from;
  const step = STEPS.find((size) => (to - from) / size <= POINTS) ?? STEPS.at(-1);
  return { start: Math.floor(from / step) * step, end: Math.ceil(to / step) * step, step };
}

/** The same width moved or scaled: zoom 0.5 shows half as much around the middle. */
export function shifted(range, { by = 0, zoom = 1 }) {
  const { start, end } = resolve(range);
  const half = Math.max(((end - start) / 2) * zoom, 5000);
  const middle = (start + end) / 2 + (end - start) * by;
  return { from: middle - half, to: middle + half };
}

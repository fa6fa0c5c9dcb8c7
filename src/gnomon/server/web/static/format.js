// Numbers, units and times for people: three significant digits, binary prefixes for bytes.

import { t } from "./i18n.js";

/** How each unit of the data model is shown: scaled to a base, then printed. */
const UNITS = {
  byte: { base: "byte", scale: 1 },
  bytes: { base: "byte", scale: 1 },
  kibibyte: { base: "byte", scale: 1024 },
  mebibyte: { base: "byte", scale: 1024 ** 2 },
  gibibyte: { base: "byte", scale: 1024 ** 3 },
  percent: { base: "percent", scale: 1 },
  fraction: { base: "percent", scale: 100 },
  second: { base: "second", scale: 1 },
  millisecond: { base: "second", scale: 1e-3 },
  microsecond: { base: "second", scale: 1e-6 },
  nanosecond: { base: "second", scale: 1e-9 },
  minute: { base: "second", scale: 60 },
  hour: { base: "second", scale: 3600 },
};

/** A unit of the data model ("mebibyte", "byte/second", "query/second") as
 * {base, scale, rate}: multiply by scale, print with `format(value, {base, rate})`. */
export function unitOf(name = "") {
  const rate = /(\/s|\/sec|\/second|_per_second)$/.test(name);
  const plain = name.replace(/(\/s|\/sec|\/second|_per_second)$/, "");
  const known = UNITS[plain] ?? { base: "", scale: 1 };
  return { base: known.base, scale: known.scale, rate };
}

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const DECIMAL = ["", "k", "M", "G", "T", "P"];

function prefixed(value, step, names) {
  let level = 0;
  let rest = Math.abs(value);
  while (rest >= step * 0.9995 && level < names.length - 1) {
    rest /= step;
    level += 1;
  }
  const sign = value < 0 ? "−" : "";
  return [sign + (Number.isInteger(rest) ? rest : digits(rest)), names[level]];
}

/** About three significant digits, without exponents where readable. */
export function digits(value) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 99.95) return value.toFixed(0);
  if (size >= 9.995) return value.toFixed(1);
  if (size >= 0.0995) return value.toFixed(2);
  if (size >= 0.000995) return value.toFixed(4).replace(/(\.\d*[1-9]\d)\d+$/, "$1");
  return value.toExponential(1);
}

function trim(number) {
  return number.includes(".") ? number.replace(/\.?0+$/, "") : number;
}

const PRINT = {
  percent: (value) => [digits(value).replace("-", "−"), "%"],
  second: (value, per) => (per ? [digits(value), "s/s"] : duration(value)),
  byte: (value, per) => scaled(value, 1024, BINARY, per),
  "": (value, per) => scaled(value, 1000, DECIMAL, per),
};

/** [number, unit] of a value in a base unit. */
export function parts(value, { base = "", rate = false } = {}) {
  if (value === null || value === undefined || Number.isNaN(value)) return ["–", ""];
  if (!Number.isFinite(value)) return [value > 0 ? "∞" : "−∞", ""];
  return PRINT[base](value, rate ? "/s" : "");
}

function scaled(value, step, names, per) {
  const [number, prefix] = prefixed(value, step, names);
  return [number, prefix + per];
}

/** For columns of figures, which stand below one another: "38.0 %", "1.24 GiB/s". */
export function figure(value, unit) {
  const [number, suffix] = parts(value, unit);
  return suffix ? `${number} ${suffix}` : number;
}

/** For text and axes, without zeros that say nothing: "38 %", "12.4 k", "3 ms". */
export function format(value, unit) {
  const [number, suffix] = parts(value, unit);
  return suffix ? `${trim(number)} ${suffix}` : trim(number);
}

function duration(value) {
  const size = Math.abs(value);
  if (size === 0) return ["0", "s"];
  if (size < 1e-3) return [digits(value * 1e6), "µs"];
  if (size < 1) return [digits(value * 1e3), "ms"];
  if (size < 120) return [digits(value), "s"];
  if (size < 7200) return [digits(value / 60), "min"];
  if (size < 172800) return [digits(value / 3600), "h"];
  return [digits(value / 86400), "d"];
}

/** A length of time in two steps, for ages and uptimes: "12 d 4 h", "3 min 20 s". Seconds. */
export function span(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const whole = Math.max(0, Math.round(value));
  const units = [
    ["d", 86400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ].map(([unit, size]) => [t(`span.${unit}`), size]);
  const first = units.findIndex(([, size]) => whole >= size);
  if (first < 0) return `0 ${units.at(-1)[0]}`;
  const [name, size] = units[first];
  const full = Math.floor(whole / size);
  const next = units[first + 1];
  const rest = next && full < 10 ? Math.floor((whole % size) / next[1]) : 0;
  return rest ? `${full} ${name} ${rest} ${next[0]}` : `${full} ${name}`;
}

/** Whole numbers with thin spaces between thousands. */
export function count(value) {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, " ");
}

/** Short form of a count: "12.4 k". */
export function short(value) {
  return format(value, {});
}

/** Orders names as people do: web-2 before web-10. (One collator: making them is slow.) */
export const byName = new Intl.Collator(undefined, { numeric: true }).compare;

const two = (number) => String(number).padStart(2, "0");

/** "14:05:30" in the browser's time zone. */
export function clock(ms, withSeconds = true) {
  const at = new Date(ms);
  const hours = `${two(at.getHours())}:${two(at.getMinutes())}`;
  return withSeconds ? `${hours}:${two(at.getSeconds())}` : hours;
}

/** "2026-11-20". */
export function day(ms) {
  const at = new Date(ms);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** "2026-11-20 14:05:30". */
export function moment(ms) {
  return `${day(ms)} ${clock(ms)}`;
}

/** Labels of a time axis: the clock, and the day where it changes or where midnight is a tick. */
export function timeTicks(times, increment) {
  let before = "";
  return times.map((time) => {
    if (time === null) return null;
    const ms = time * 1000;
    const date = day(ms);
    const at = new Date(ms);
    const midnight = at.getHours() === 0 && at.getMinutes() === 0 && at.getSeconds() === 0;
    const monthDay = `${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    const label = increment >= 86400 || midnight ? monthDay : clock(ms, increment < 60);
    const changed = before !== "" && before !== date && !midnight && increment < 86400;
    before = date;
    return changed ? `${label}\n${monthDay}` : label;
  });
}

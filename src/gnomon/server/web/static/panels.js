// The panels of a host page: which metrics belong together, how they are named and drawn.

import { literal, quoted } from "./api.js";
import { byName, unitOf } from "./format.js";

/** `metrics` maps a metric name to the name its series has in the legend ("" takes the labels
 * alone); where a metric has several series, their other labels are added. `needs`: a metric without
 * which the panel says nothing; `ranked`: largest first; `quiet`: series that are always 0 are left
 * out; `derive`: what is drawn instead of the rows as they came. */
const SYSTEM = [
  {
    id: "cpu",
    unit: "percent",
    stacked: true,
    min: 0,
    max: 100,
    metrics: {
      "system.cpu.user": "user",
      "system.cpu.system": "system",
      "system.cpu.iowait": "iowait",
      "system.cpu.stolen": "stolen",
      "system.cpu.guest": "guest",
    },
  },
  {
    id: "load",
    unit: "",
    metrics: { "system.load.1": "1 min", "system.load.5": "5 min", "system.load.15": "15 min" },
  },
  {
    id: "memory",
    unit: "mebibyte",
    stacked: true,
    min: 0,
    metrics: {
      "system.mem.used": "used",
      "system.mem.buffered": "buffers",
      "system.mem.cached": "cached",
      "system.mem.free": "free",
    },
    derive: memoryShares,
  },
  {
    id: "swap",
    unit: "mebibyte",
    needs: "system.swap.pct_free",
    min: 0,
    metrics: { "system.swap.used": "used", "system.swap.total": "total" },
  },
  { id: "disk", unit: "fraction", min: 0, max: 100, metrics: { "system.disk.in_use": "" } },
  { id: "inodes", unit: "fraction", min: 0, max: 100, metrics: { "system.fs.inodes.in_use": "" } },
  {
    id: "io",
    unit: "kibibyte/second",
    metrics: { "system.io.rkb_s": "read", "system.io.wkb_s": "written" },
  },
  { id: "util", unit: "percent", min: 0, max: 100, metrics: { "system.io.util": "" } },
  { id: "await", unit: "millisecond", metrics: { "system.io.await": "" } },
  {
    id: "net",
    unit: "byte/second",
    metrics: { "system.net.bytes_rcvd": "in", "system.net.bytes_sent": "out" },
  },
  {
    id: "net_errors",
    unit: "packet/second",
    metrics: {
      "system.net.packets_in.error": "errors in",
      "system.net.packets_out.error": "errors out",
      "system.net.packets_in.drop": "drops in",
      "system.net.packets_out.drop": "drops out",
    },
  },
  {
    id: "tcp",
    unit: "",
    quiet: true,
    metrics: { ...tcpStates("tcp4", ""), ...tcpStates("tcp6", " v6") },
  },
  {
    id: "processes",
    unit: "",
    metrics: { "system.processes.total": "processes", "system.processes.total_threads": "threads" },
  },
  { id: "states", unit: "", metrics: { "system.processes.states": "" } },
  { id: "top_cpu", unit: "percent", ranked: true, metrics: { "system.processes.top.cpu.pct": "" } },
  { id: "top_memory", unit: "byte", ranked: true, metrics: { "system.processes.top.mem.rss": "" } },
  { id: "files", unit: "", metrics: { "system.fs.file_handles.used": "open" } },
];

function tcpStates(family, suffix) {
  const states = ["established", "opening", "listening", "closing", "time_wait"];
  return Object.fromEntries(
    states.map((state) => [`system.net.${family}.${state}`, state + suffix]),
  );
}

/** "Used" counts buffers and cache in: taken apart so that the stack adds up to the memory there is. */
function memoryShares(rows) {
  const find = (name) => rows.find((row) => row.metric.__name__ === `system.mem.${name}`);
  const [used, buffered, cached] = [find("used"), find("buffered"), find("cached")];
  if (!used || !buffered || !cached) return rows;
  const values = used.values.map((value, column) => {
    const shared = (buffered.values[column] ?? 0) + (cached.values[column] ?? 0);
    return value === null || shared > value ? value : value - shared;
  });
  return rows.map((row) => (row === used ? { ...used, values } : row));
}

/** The panels that have something to show on a host with these metrics. */
export function systemPanels(names) {
  return SYSTEM.filter(
    ({ metrics, needs }) =>
      Object.keys(metrics).some((metric) => names.has(metric)) && (!needs || names.has(needs)),
  );
}

/** Panels for the metrics of one host no system panel shows, in groups by their first word:
 * [{family, panels}]. `about` is the metadata by metric name. */
export function otherPanels(names, about) {
  const shown = new Set([
    ...SYSTEM.flatMap(({ metrics }) => Object.keys(metrics)),
    "service_check",
  ]);
  const families = new Map();
  for (const name of [...names].sort()) {
    if (shown.has(name)) continue;
    const family = familyOf(name);
    families.set(family, [...(families.get(family) ?? []), metricPanel(name, about[name] ?? {})]);
  }
  return [...families].map(([family, panels]) => ({ family, panels })).sort(bySystemLast);
}

/** What people look for first are their databases; what is ours and the system's rest comes last. */
function bySystemLast(a, b) {
  const rank = ({ family }) => ["system", "gnomon"].indexOf(family.split(".")[0]);
  return rank(a) - rank(b) || byName(a.family, b.family);
}

function familyOf(name) {
  const words = name.split(/[._:]/);
  return words[0] === "system" && words.length > 2 ? `system.${words[1]}` : words[0];
}

function metricPanel(name, { type, unit, help }) {
  const counting = type === "counter";
  const perSecond = counting && !/\/s(econd)?$/.test(unit ?? "");
  return {
    id: name,
    title: name,
    help,
    unit: perSecond ? `${unit ?? ""}/second` : (unit ?? ""),
    counter: counting,
    metrics: { [name]: "" },
  };
}

/** PromQL for the panel's metrics on a host: one value for each step, under the metrics' names. */
export function expressionFor(panel, host, step) {
  const selector = `{${anyOf(Object.keys(panel.metrics))}, host=${quoted(host)}}`;
  const seconds = step / 1000;
  // A rate needs two samples; four intervals of 10 s bear some that are late.
  const folded = panel.counter
    ? `rate(${selector}[${Math.max(40, seconds)}s])`
    : `avg_over_time(${selector}[${seconds}s])`;
  // A function takes the name off; this keeps several metrics apart in one answer.
  return `label_replace(${folded}, "__name__", "$1", "__name__", "(.+)")`;
}

/** The panel as queries a person may go on with. */
export function explorerQueries(panel, host) {
  const where = `host=${quoted(host)}`;
  if (panel.counter) return [`rate({${quoted(panel.id)}, ${where}}[1m])`];
  return [`{${anyOf(Object.keys(panel.metrics))}, ${where}}`];
}

function anyOf(names) {
  return names.length === 1
    ? quoted(names[0])
    : `__name__=~${quoted(names.map(literal).join("|"))}`;
}

const HIDDEN_LABELS = new Set(["__name__", "host"]);

/** Rows with names, in the order of the panel's metrics and then of their labels. */
export function nameRows(panel, found) {
  const order = Object.keys(panel.metrics);
  const rows = panel.quiet ? found.filter(({ values }) => values.some(Boolean)) : found;
  const varying = varyingLabels(rows);
  const named = (panel.derive ? panel.derive(rows) : rows).map((row) => ({
    ...row,
    name:
      [labelText(row.metric, varying), panel.metrics[row.metric.__name__]]
        .filter(Boolean)
        .join(" ") ||
      panel.title ||
      row.metric.__name__,
    rank: order.indexOf(row.metric.__name__),
  }));
  const several = new Set(named.map(({ metric }) => labelText(metric, varying))).size > 1;
  if (panel.ranked) return named.sort((a, b) => highest(b) - highest(a));
  if (several) return named.sort((a, b) => byName(a.name, b.name));
  return named.sort((a, b) => a.rank - b.rank).map((row) => ({ ...row, colour: row.rank }));
}

const highest = ({ values }) => Math.max(...values);

/** Labels worth reading: those that differ between the rows (a mount stands for its device). */
function varyingLabels(rows) {
  const values = new Map();
  for (const { metric } of rows) {
    for (const [label, value] of Object.entries(metric)) {
      if (!HIDDEN_LABELS.has(label)) values.set(label, (values.get(label) ?? new Set()).add(value));
    }
  }
  const labels = [...values]
    .filter(([, seen]) => seen.size > 1 || rows.length === 1)
    .map(([label]) => label);
  const place = ["mount", "device"].find((label) => labels.includes(label));
  return place
    ? labels.filter(
        (label) => label === place || !["mount", "device", "label", "fstype"].includes(label),
      )
    : labels;
}

function labelText(metric, labels) {
  return labels
    .map((label) => metric[label])
    .filter(Boolean)
    .join(" ");
}

export const panelUnit = (panel) => unitOf(panel.unit);

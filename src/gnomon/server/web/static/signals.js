// What makes a host look well or ill: its signals, their limits, and the verdict over all of them.

/** From best to worst. A silent host may be anything, so it ranks above a warning. */
export const LEVELS = ["ok", "unknown", "warning", "silent", "critical"];

/** Milliseconds after which an agent that said nothing is missed. */
export const SILENT_AFTER = 90e3;

export const worse = (a, b) => (LEVELS.indexOf(a) >= LEVELS.indexOf(b) ? a : b);

/** Each vital sign: the metric it is read from, how its value becomes the one shown, which of
 * several series of one host counts, from where it is a warning and from where critical, the value
 * at full height of a spark. */
export const SIGNALS = {
  // A busy processor is worth a look; alone it is no emergency. Work that has to wait shows as load.
  cpu: {
    metric: "system.cpu.idle",
    turn: (idle) => 100 - idle,
    fold: "min",
    warning: 95,
    critical: Infinity,
    top: 100,
    unit: "percent",
  },
  memory: {
    metric: "system.mem.pct_usable",
    turn: (free) => 100 * (1 - free),
    fold: "min",
    warning: 90,
    critical: 96,
    top: 100,
    unit: "percent",
  },
  disk: {
    metric: "system.disk.in_use",
    turn: (used) => 100 * used,
    fold: "max",
    warning: 85,
    critical: 95,
    top: 100,
    unit: "percent",
  },
  load: {
    metric: "system.load.norm.5",
    turn: (load) => load,
    fold: "max",
    warning: 1.5,
    critical: 3,
    top: 1,
    unit: "",
  },
  swap: {
    metric: "system.swap.pct_free",
    turn: (free) => 100 * (1 - free),
    fold: "min",
    warning: 50,
    critical: 85,
    top: 100,
    unit: "percent",
  },
};

const BY_METRIC = new Map(Object.entries(SIGNALS).map(([id, signal]) => [signal.metric, id]));

export const signalOf = (metric) => BY_METRIC.get(metric);

/** Level of one reading. */
export function levelOf(id, value) {
  const { warning, critical } = SIGNALS[id];
  if (value >= critical) return "critical";
  return value >= warning ? "warning" : "ok";
}

/** How close a reading is to its critical limit; orders the readings of one host. */
export function strain(id, value) {
  const { warning, critical } = SIGNALS[id];
  return value / (Number.isFinite(critical) ? critical : warning * 1.1);
}

/** What the states of checks, sinks and listeners mean. */
const STATE_LEVELS = {
  ok: "ok",
  idle: "ok",
  sending: "ok",
  listening: "ok",
  waiting: "unknown",
  no_data: "unknown",
  unknown: "unknown",
  needs_setup: "warning",
  warning: "warning",
  retrying: "warning",
  critical: "critical",
  failed: "critical",
};

export const stateLevel = (state) => STATE_LEVELS[state] ?? "unknown";

const CHECK_LEVELS = ["ok", "warning", "critical", "unknown"];

/** Level of a service check's value. */
export function checkLevel(value) {
  return CHECK_LEVELS[value] ?? "unknown";
}

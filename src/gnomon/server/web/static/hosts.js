// All hosts and how they are, from four requests, however many hosts there are.

import { literal, now, query, quoted, series, status } from "./api.js";
import { SIGNALS, checkLevel, levelOf, signalOf, strain, worse } from "./signals.js";

const SILENT_AFTER = 90e3; // ms without a word from the agent
const PRESENCE = "system.load.1"; // every host with an agent has it
const DAY = 86400e3;

/** Selector parts for one host, some hosts, or all that have a name. */
export function hostMatcher(names) {
  if (!names) return 'host!=""';
  if (names.length === 1) return `host=${quoted(names[0])}`;
  return `host=~${quoted(names.map(literal).join("|"))}`;
}

/** Hosts, worst first: [{name, level, readings, worst, failing, agent (its id), age (ms since it was heard)}]. */
export async function loadHosts(names, signal) {
  const matcher = hostMatcher(names);
  const metrics = Object.values(SIGNALS)
    .map(({ metric }) => literal(metric))
    .join("|");
  const at = now();
  const [vitals, failing, { agents = [] }, known] = await Promise.all([
    query(`{__name__=~${quoted(metrics)}, ${matcher}}`, { signal }),
    query(`{"service_check", ${matcher}} > 0`, { signal }),
    status(signal),
    series(`{${quoted(PRESENCE)}, ${matcher}}`, { start: at - DAY, end: at }, signal),
  ]);
  const hosts = new Map();
  const host = (name) => {
    if (!hosts.has(name))
      hosts.set(name, { name, readings: {}, failing: [], agent: null, age: null });
    return hosts.get(name);
  };
  for (const { host: name } of known) host(name);
  for (const { metric, value } of vitals) read(host(metric.host), metric, Number(value[1]));
  for (const { metric, value } of failing) {
    host(metric.host).failing.push({
      check: metric.check ?? "?",
      metric,
      level: checkLevel(Number(value[1])),
    });
  }
  for (const agent of agents) {
    if (names && !names.includes(agent.host)) continue;
    const found = host(agent.host);
    const age = Math.max(0, at - agent.received);
    if (found.age !== null && found.age <= age) continue; // an agent that was replaced lingers on
    found.agent = agent.agent;
    found.age = age;
  }
  return [...hosts.values()].map(judge).sort(byConcern);
}

function read(host, metric, raw) {
  const id = signalOf(metric.__name__);
  if (!id || Number.isNaN(raw) || passing(metric)) return;
  const value = SIGNALS[id].turn(raw);
  const before = host.readings[id];
  if (before && before.value >= value) return;
  host.readings[id] = {
    id,
    value,
    level: levelOf(id, value),
    place: metric.mount ?? metric.device ?? "",
  };
}

/** A read-only image is always full and nobody can mend that. */
function passing(metric) {
  return (
    /^\/dev\/(loop|sr)\d+/.test(metric.device ?? "") ||
    /^\/snap\//.test(metric.mount ?? metric.device ?? "")
  );
}

function judge(host) {
  const readings = Object.values(host.readings).sort(
    (a, b) => strain(b.id, b.value) - strain(a.id, a.value),
  );
  const silent =
    host.age === null ? readings.length === 0 : host.age > SILENT_AFTER && readings.length === 0;
  const late = host.age !== null && host.age > SILENT_AFTER;
  let level = silent || late ? "silent" : "ok";
  for (const { level: found } of [...readings, ...host.failing]) level = worse(level, found);
  return { ...host, level, silent: silent || late, worst: readings[0] ?? null };
}

function byConcern(a, b) {
  if (a.level !== b.level) return worse(a.level, b.level) === a.level ? -1 : 1;
  // Well hosts stay where they are from one look to the next: by name.
  if (a.level !== "ok" && a.worst && b.worst) {
    const difference = strain(b.worst.id, b.worst.value) - strain(a.worst.id, a.worst.value);
    if (Math.abs(difference) > 0.02) return difference;
  }
  return a.name.localeCompare(b.name, undefined, { numeric: true });
}

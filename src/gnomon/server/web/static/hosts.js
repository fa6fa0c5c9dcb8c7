// All hosts and how they are, from four requests, however many hosts there are.

import { literal, now, query, quoted, series, status } from "./api.js";
import { byName } from "./format.js";
import { SILENT_AFTER, SIGNALS, checkLevel, levelOf, signalOf, strain, worse } from "./signals.js";

const PRESENCE = "system.load.1"; // every host with an agent has it
const DAY = 86400e3;

/** Selector parts for one host, some hosts, or all that have a name. */
export function hostMatcher(names) {
  if (!names) return 'host!=""';
  if (names.length === 1) return `host=${quoted(names[0])}`;
  return `host=~${quoted(names.map(literal).join("|"))}`;
}

/** {oldest, hosts}: since when there are samples (ms), and the hosts, worst first:
 * [{name, level, silent, readings, worst, failing, agent (its id), age (ms since it was heard)}]. */
export async function loadHosts(names, signal) {
  const matcher = hostMatcher(names);
  const metrics = Object.values(SIGNALS).map(({ metric }) => literal(metric));
  const at = now();
  const [vitals, failing, server, known] = await Promise.all([
    query(`{__name__=~${quoted(metrics.join("|"))}, ${matcher}}`, { signal }),
    query(`{"service_check", ${matcher}} > 0`, { signal }),
    status(),
    series(`{${quoted(PRESENCE)}, ${matcher}}`, { start: at - DAY, end: at }, signal),
  ]);
  const hosts = new Map();
  const host = (name) => {
    if (!hosts.has(name)) {
      hosts.set(name, { name, readings: {}, failing: [], agent: null, age: null });
    }
    return hosts.get(name);
  };
  for (const { host: name } of known) host(name);
  for (const { metric, value } of vitals) read(host(metric.host), metric, Number(value[1]));
  for (const { metric, value } of failing) {
    const level = checkLevel(Number(value[1]));
    host(metric.host).failing.push({ check: metric.check ?? "?", level });
  }
  for (const agent of server.agents ?? []) {
    if (!names || names.includes(agent.host)) hear(host(agent.host), agent, at);
  }
  const judged = [...hosts.values()].map(judge).sort(byConcern);
  return { hosts: judged, oldest: server.store?.oldest ?? at };
}

/** An agent that was replaced lingers on for a while: the one heard last counts. */
function hear(host, { agent, received }, at) {
  const age = Math.max(0, at - received);
  if (host.age === null || age < host.age) Object.assign(host, { agent, age });
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
  const readings = Object.values(host.readings).sort(byStrain);
  const silent = host.age === null ? readings.length === 0 : host.age > SILENT_AFTER;
  let level = silent ? "silent" : "ok";
  for (const { level: found } of [...readings, ...host.failing]) level = worse(level, found);
  return { ...host, level, silent, worst: readings[0] ?? null };
}

function byStrain(a, b) {
  if (a.level !== b.level) return worse(a.level, b.level) === a.level ? -1 : 1;
  return strain(b.id, b.value) - strain(a.id, a.value);
}

function byConcern(a, b) {
  if (a.level !== b.level) return worse(a.level, b.level) === a.level ? -1 : 1;
  // Well hosts stay where they are from one look to the next: by name.
  if (a.level !== "ok" && a.worst && b.worst) {
    const difference = strain(b.worst.id, b.worst.value) - strain(a.worst.id, a.worst.value);
    if (Math.abs(difference) > 0.02) return difference;
  }
  return byName(a.name, b.name);
}

// All hosts and how they are, from four requests, however many hosts there are.

import { labelValues, literal, now, query, quoted, series, status } from "./api.js";
import { byName } from "./format.js";
import { SILENT_AFTER, SIGNALS, checkLevel, levelOf, signalOf, strain, worse } from "./signals.js";

const PRESENCE = "system.load.1"; // every host with an agent has it
const OTHERS_AGE = 30e3; // ms; who else sends changes rarely, and all series are looked through
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
  const [vitals, failing, server, known, others] = await Promise.all([
    query(`{__name__=~${quoted(metrics.join("|"))}, ${matcher}}`, { signal }),
    query(`{"service_check", ${matcher}} > 0`, { signal }),
    status(),
    series(`{${quoted(PRESENCE)}, ${matcher}}`, { start: at - DAY, end: at }, signal),
    names ? [] : otherHosts(at),
  ]);
  const hosts = new Hosts();
  for (const name of others) hosts.get(name);
  for (const { host } of known) hosts.get(host).missed = true; // until a vital sign is read
  for (const { metric, value } of vitals) read(hosts.get(metric.host), metric, Number(value[1]));
  for (const { metric, value } of failing) fail(hosts.get(metric.host), metric, Number(value[1]));
  for (const agent of server.agents ?? []) {
    if (!names || names.includes(agent.host)) hear(hosts.get(agent.host), agent, at);
  }
  const judged = [...hosts.values()].map(judge).sort(byConcern);
  return { hosts: judged, oldest: server.store?.oldest ?? at };
}

/** Hosts by name; one that is asked for is there. */
class Hosts extends Map {
  get(name) {
    if (!this.has(name)) {
      const unknown = { readings: {}, failing: [], agent: null, age: null, missed: false };
      this.set(name, { name, ...unknown });
    }
    return super.get(name);
  }
}

let lastOthers = { at: 0, names: [] };

/** Hosts that sent anything in the last day, be it by whatever agent or script; the server's own
 * metrics do not make a host. */
async function otherHosts(at) {
  if (at - lastOthers.at > OTHERS_AGE) {
    const selector = '{__name__!~"gnomon[.].*", host!=""}';
    const names = await labelValues("host", { selector, start: at - DAY, end: at });
    lastOthers = { at, names };
  }
  return lastOthers.names;
}

/** An agent that was replaced lingers on for a while: the one heard last counts. */
function hear(host, { agent, received }, at) {
  const age = Math.max(0, at - received);
  if (host.age === null || age < host.age) Object.assign(host, { agent, age });
}

function fail(host, metric, value) {
  host.failing.push({ check: metric.check ?? "?", level: checkLevel(value) });
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
  const silent = host.age === null ? host.missed && !readings.length : host.age > SILENT_AFTER;
  let level = silent ? "silent" : readings.length || host.age !== null ? "ok" : "unknown";
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

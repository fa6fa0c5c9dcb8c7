// The server's HTTP API as the pages use it: the Prometheus API, Graphite's render, agents, status.

/** An answer that is not what was asked for; `message` is a line for a person. */
export class ApiError extends Error {
  constructor(message, code) {
    super(message);
    this.status = code; // of HTTP; 0: the server could not be reached
  }
}

let skew = 0; // server clock minus browser clock, ms

/** Milliseconds since the epoch by the server's clock, to a second: a browser whose clock is
 * wrong must not ask for the future. */
export function now() {
  return Date.now() + skew;
}

function learnClock(response) {
  const date = Date.parse(response.headers.get("Date") ?? "");
  if (Number.isNaN(date)) return;
  const seen = date + 500 - Date.now();
  if (Math.abs(seen - skew) > 1500) skew = Math.abs(seen) > 1500 ? seen : 0;
}

async function ask(path, { form, signal } = {}) {
  let response;
  try {
    response = await fetch(path, {
      signal,
      method: form ? "POST" : "GET",
      body: form ? new URLSearchParams(form) : undefined,
      headers: { Accept: "application/json" },
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("unreachable", 0);
  }
  learnClock(response);
  return [response, await response.text()];
}

async function json(path, options) {
  const [response, body] = await ask(path, options);
  let answer = null;
  try {
    answer = JSON.parse(body);
  } catch {
    // an error page of a proxy, or Graphite's plain text
  }
  if (!response.ok || answer === null) {
    const message = answer?.error ?? answer?.message ?? body.trim().slice(0, 2000);
    throw new ApiError(message || `HTTP ${response.status}`, response.status);
  }
  return answer;
}

async function prometheus(path, options) {
  const answer = await json(path, options);
  if (answer.status !== "success") throw new ApiError(answer.error ?? "no answer", 200);
  return answer.data;
}

const seconds = (ms) => (ms / 1000).toFixed(3);

/** Instant query: [{metric, value: [s, "v"]}]. */
export async function query(expression, { time = now(), signal } = {}) {
  const data = await prometheus("/api/v1/query", {
    form: { query: expression, time: seconds(time) },
    signal,
  });
  if (data.resultType === "vector") return data.result;
  return [{ metric: {}, value: data.result }];
}

/** Range query: [{metric, values: [[s, "v"], ...]}]. Times in ms, step in ms. */
export async function queryRange(expression, { start, end, step }, signal) {
  const form = { query: expression, start: seconds(start), end: seconds(end), step: seconds(step) };
  return (await prometheus("/api/v1/query_range", { form, signal })).result;
}

/** Graphite: [{target, tags, datapoints: [[v, s], ...]}]. Times in ms. */
export function render(target, { start, end, points }, signal) {
  const form = {
    target,
    from: Math.floor(start / 1000),
    until: Math.ceil(end / 1000),
    maxDataPoints: points,
    format: "json",
  };
  return json("/render", { form, signal });
}

/** Label sets that match: [{__name__, ...}]. */
export function series(selector, { start, end }, signal) {
  return prometheus("/api/v1/series", {
    form: { "match[]": selector, start: seconds(start), end: seconds(end) },
    signal,
  });
}

function bounds(selector, start, end) {
  const search = new URLSearchParams();
  if (selector) search.set("match[]", selector);
  if (start) search.set("start", seconds(start));
  if (end) search.set("end", seconds(end));
  return search.size ? `?${search}` : "";
}

/** Values of a label, as text. */
export function labelValues(label, { selector, start, end, signal } = {}) {
  const search = bounds(selector, start, end);
  return prometheus(`/api/v1/label/${encodeURIComponent(label)}/values${search}`, { signal });
}

/** Label names, of the series that match if a selector is given. */
export function labelNames({ selector, signal } = {}) {
  const search = bounds(selector);
  return prometheus(`/api/v1/labels${search}`, { signal });
}

/** What is known of each metric: {name: {type, unit, help}}. */
export async function metadata(signal) {
  const data = await prometheus("/api/v1/metadata", { signal });
  return Object.fromEntries(
    Object.entries(data).map(([name, entries]) => [name, entries[0] ?? {}]),
  );
}

/** Agents: [{agent, host, received, status}]. */
export function agents(signal) {
  return json("/api/v1/agents", { signal });
}

/** What one agent last said of itself: {agent, host, received, status}. */
export function agent(id, signal) {
  return json(`/api/v1/agents/${encodeURIComponent(id)}/status`, { signal });
}

let lastStatus = { at: 0, answer: null };

/** The server's own status; its `agents` say who was heard when. Parts of a page that ask at the
 * same time share one answer. */
export function status() {
  if (Date.now() - lastStatus.at > 1000) {
    lastStatus = { at: Date.now(), answer: json("/api/v1/status") };
  }
  return lastStatus.answer;
}

/** Events, newest first: [{timestamp, title, text, kind, labels}]. */
export function events({ start, end, host }, signal) {
  const search = new URLSearchParams({ from: seconds(start), to: seconds(end) });
  if (host) search.set("tags", `host:${host}`);
  return json(`/api/v1/events?${search}`, { signal });
}

/** A text as it stands between double quotes in PromQL. */
export function quoted(value) {
  return JSON.stringify(value);
}

/** A text as a regular expression that matches just it. */
export function literal(value) {
  return value.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&");
}

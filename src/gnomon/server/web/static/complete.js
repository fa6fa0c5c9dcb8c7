// What may stand at the cursor of a query: metrics, functions, labels, label values, paths.

import { labelNames, labelValues, quoted } from "./api.js";

const MOST = 60;

const FUNCTIONS =
  `abs absent absent_over_time acos acosh asin asinh atan atanh avg_over_time ceil changes clamp clamp_max
clamp_min cos cosh count_over_time day_of_month day_of_week day_of_year days_in_month deg delta deriv
double_exponential_smoothing exp floor histogram_avg histogram_count histogram_fraction histogram_quantile
histogram_stddev histogram_stdvar histogram_sum hour idelta increase irate label_join label_replace last_over_time ln
log10 log2 mad_over_time max_over_time min_over_time minute month pi predict_linear present_over_time
quantile_over_time rad rate resets round scalar sgn sin sinh sort sort_by_label sort_by_label_desc sort_desc sqrt
stddev_over_time stdvar_over_time sum_over_time tan tanh time timestamp vector year`.split(/\s+/);
const AGGREGATIONS =
  "sum avg min max count topk bottomk quantile stddev stdvar count_values group limitk limit_ratio".split(
    " ",
  );
const WORDS = "by without on ignoring group_left group_right bool offset and or unless".split(" ");

/** Candidates for PromQL text with the cursor at `at`: {from, items: [{text, kind, detail}]};
 * `from` is where the text they replace begins. `catalogue` knows the metrics. */
export async function completePromql(text, at, catalogue) {
  const before = text.slice(0, at);
  const inner = openBrace(before);
  if (inner !== null) return insideBraces(before, inner, catalogue);
  const word = /[\w.:/-]*$/.exec(before)[0];
  if (!word || /^\d/.test(word) || /\[[^\]]*$/.test(before)) return none(at);
  const metrics = catalogue.search(word, MOST).map((metric) => ({
    text: catalogue.selector(metric.name),
    label: metric.name,
    kind: "metric",
    detail: metric.unit || metric.type,
  }));
  const calls = [
    ...starting(AGGREGATIONS, word, "aggregation"),
    ...starting(FUNCTIONS, word, "function"),
  ].map((item) => ({ ...item, text: `${item.text}(` }));
  return {
    from: at - word.length,
    items: [...calls, ...starting(WORDS, word, "word"), ...metrics].slice(0, MOST),
  };
}

const none = (at) => ({ from: at, items: [] });

function starting(words, prefix, kind) {
  return words
    .filter((word) => word.startsWith(prefix) && word !== prefix)
    .map((word) => ({ text: word, label: word, kind }));
}

/** Where the innermost brace that is still open begins, or null. */
function openBrace(before) {
  let at = null;
  let quote = "";
  for (let index = 0; index < before.length; index += 1) {
    const sign = before[index];
    if (quote) {
      if (sign === "\\") index += 1;
      else if (sign === quote) quote = "";
    } else if (sign === '"' || sign === "'" || sign === "`") quote = sign;
    else if (sign === "{") at = index;
    else if (sign === "}") at = null;
  }
  return at;
}

async function insideBraces(before, brace, catalogue) {
  const inner = before.slice(brace + 1);
  const at = before.length;
  const value = /([\w.]+|"[^"]*")\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)$/.exec(inner);
  const selector = metricSelector(before, brace, inner, catalogue);
  if (value) {
    const found = await labelValues(value[1].replaceAll('"', ""), { selector });
    return {
      from: at - value[3].length,
      items: matching(found, value[3], "value").map((item) => ({ ...item, text: `${item.text}"` })),
    };
  }
  const name = /^\s*"([^"]*)$/.exec(inner);
  if (name) {
    return {
      from: at - name[1].length,
      items: catalogue.search(name[1], MOST).map((metric) => ({
        text: `${metric.name}"`,
        label: metric.name,
        kind: "metric",
        detail: metric.unit,
      })),
    };
  }
  const label = /(?:^|,)\s*([\w.]*)$/.exec(inner);
  if (!label) return none(at);
  const found = (await labelNames({ selector })).filter((known) => known !== "__name__");
  return {
    from: at - label[1].length,
    items: matching(found, label[1], "label").map((item) => ({ ...item, text: `${item.text}="` })),
  };
}

function matching(words, typed, kind) {
  const wanted = typed.toLowerCase();
  return words
    .filter((word) => word.toLowerCase().includes(wanted))
    .slice(0, MOST)
    .map((word) => ({ text: word, label: word, kind }));
}

/** The metric the braces belong to, so that only its labels and values are offered. */
function metricSelector(before, brace, inner, catalogue) {
  const named = /^\s*"([^"]+)"/.exec(inner)?.[1];
  const word = /([\w.:]+)\s*$/.exec(before.slice(0, brace))?.[1];
  if (named && catalogue.has(named)) return `{${quoted(named)}}`;
  return word ? word : undefined;
}

/** The same for a Graphite target: functions, and the tree of paths one step at a time. */
export async function completeGraphite(text, at) {
  const before = text.slice(0, at);
  const word = /[^(),'"\s]*$/.exec(before)[0];
  const quoteOpen = (before.match(/['"]/g) ?? []).length % 2 === 1;
  if (quoteOpen) return none(at);
  const [functions, nodes] = await Promise.all([
    graphiteFunctions(),
    word || /[(,]\s*$|^$/.test(before) ? graphiteNodes(word) : [],
  ]);
  const calls = word.includes(".")
    ? []
    : starting(functions, word, "function").map((item) => ({ ...item, text: `${item.text}(` }));
  return { from: at - word.length, items: [...nodes, ...calls].slice(0, MOST) };
}

let known = null;

async function graphiteFunctions() {
  known ??= fetch("/functions").then(
    (answer) => (answer.ok ? answer.json() : {}),
    () => ({}),
  );
  return Object.keys(await known).sort();
}

async function graphiteNodes(word) {
  const answer = await fetch(
    `/metrics/find?${new URLSearchParams({ query: `${word}*`, format: "treejson" })}`,
  );
  if (!answer.ok) return [];
  const parent = word.slice(0, word.lastIndexOf(".") + 1);
  return (await answer.json()).map(({ text: name, leaf }) => ({
    text: parent + name + (leaf ? "" : "."),
    label: name,
    kind: leaf ? "metric" : "branch",
  }));
}

// A line of a few dozen points without axes, beside a number.

import { s } from "./dom.js";

const WIDTH = 100;
const HEIGHT = 24;

/** An empty spark; `draw` fills it. It says nothing to a screen reader: the number does. */
export function spark() {
  return s(
    "svg",
    {
      class: "spark",
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    },
    s("path", { class: "spark-area" }),
    s("path", { class: "spark-line", "vector-effect": "non-scaling-stroke" }),
  );
}

/** Draws [[seconds, "value"], ...] between start and end (ms); `top` is the value of full height. */
export function draw(svg, values, { start, end, top }) {
  const ceiling = Math.max(top, ...values.map(([, value]) => Number(value) || 0), Number.MIN_VALUE);
  const points = values
    .map(([seconds, value]) => [((seconds * 1000 - start) / (end - start)) * WIDTH, Number(value)])
    .filter(([, value]) => Number.isFinite(value))
    .map(
      ([x, value]) =>
        `${x.toFixed(1)} ${(HEIGHT - 1 - (Math.max(0, value) / ceiling) * (HEIGHT - 2)).toFixed(1)}`,
    );
  const line = points.length ? `M${points.join("L")}` : "";
  const first = points[0]?.split(" ")[0];
  const last = points.at(-1)?.split(" ")[0];
  svg.children[0].setAttribute("d", line && `${line}L${last} ${HEIGHT}L${first} ${HEIGHT}Z`);
  svg.children[1].setAttribute("d", line);
}

// The sign of a level: its shape says the same as its colour.

import { s } from "./dom.js";

const SHAPES = {
  ok: "M2 6.5l2.6 2.6L10 3.4",
  unknown: "M3.5 6h5",
  warning: "M6 1.6L11 10.4H1z",
  silent: "M2.5 2.5l7 7M9.5 2.5l-7 7",
  critical: "M2 2h8v8H2z",
};

export function mark(level) {
  return s(
    "svg",
    { class: `mark ${level}`, viewBox: "0 0 12 12", "aria-hidden": "true" },
    s("path", { d: SHAPES[level] ?? SHAPES.unknown }),
  );
}

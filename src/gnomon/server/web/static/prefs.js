// What this browser remembers: theme, language and the like. Never anything the server needs.

/** The remembered value, or `fallback`. */
export function recall(key, fallback = null) {
  try {
    return localStorage.getItem(`gnomon.${key}`) ?? fallback;
  } catch {
    return fallback;
  }
}

/** Remembers a value; null forgets it. */
export function remember(key, value) {
  try {
    if (value === null) localStorage.removeItem(`gnomon.${key}`);
    else localStorage.setItem(`gnomon.${key}`, value);
  } catch {
    // storage is forbidden or full: the choice holds until the page is left
  }
}

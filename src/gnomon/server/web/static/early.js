// Runs before the first paint, so that nobody sees the wrong theme or language flash by.
(() => {
  const remembered = (key) => {
    try {
      return localStorage.getItem(`gnomon.${key}`);
    } catch {
      return null; // storage may be forbidden; then the system's choice stands
    }
  };
  const root = document.documentElement;
  const theme = remembered("theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  const language = remembered("language") || navigator.language || "en";
  root.lang = language.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
})();

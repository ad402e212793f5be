(() => {
  const store = {
    get: key => { try { return localStorage.getItem(key); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* private window: for this page only */ } },
  };
  const language = () => store.get("workbench-language") ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh-CN" : "en");
  const chosen = language();
  // Gradio translates by navigator.language, read once at start.
  Object.defineProperty(navigator, "language", { get: () => chosen });
  Object.defineProperty(navigator, "languages", { get: () => [chosen] });
  document.documentElement.lang = chosen;
  const scheme = store.get("workbench-scheme");
  if (scheme) {
    const url = new URL(location.href);
    url.searchParams.set("__theme", scheme);
    history.replaceState(history.state, "", url);
  }
  window.workbench = {
    // [language, secret]: sent to the server when the page opens.
    visitor() {
      let secret = store.get("workbench-visitor");
      if (!secret) {
        secret = [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, "0")).join("");
        store.set("workbench-visitor", secret);
      }
      return [chosen, secret];
    },
    speak(wanted) {
      if (wanted === chosen) return;
      store.set("workbench-language", wanted);
      location.reload();
    },
    toggleScheme() {
      const dark = document.body.classList.toggle("dark");
      store.set("workbench-scheme", dark ? "dark" : "light");
      const url = new URL(location.href);
      url.searchParams.set("__theme", dark ? "dark" : "light");
      history.replaceState(history.state, "", url);
    },
    seen: key => store.get(key),
    remember: (key, value) => store.set(key, value),
  };
})();

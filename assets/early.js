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
  const tabNames = ["playground", "tokenizer", "datasets", "finetune", "metrics"];
  const tabButtons = () => [...document.querySelectorAll("#tabs > .tab-wrapper [role=tab]")];
  // A change of language needs a new page, and so does an app that was started anew: what stands in the boxes, by elem_id, goes over to it, and the open tab.
  const typed = () => {
    const found = { tab: tabNames[tabButtons().findIndex(tab => tab.getAttribute("aria-selected") === "true")] };
    for (const box of document.querySelectorAll("#tabs .block[id] :is(textarea, input:not([type]), input[type=text], input:checked)")) {
      const { id } = box.closest(".block[id]");
      if (!id.startsWith("component-")) found[id] ??= box.value;
    }
    return found;
  };
  // What the page before kept and this one may not have filled in yet, until a person types there.
  let awaited = {};
  document.addEventListener("input", ({ target }) => { delete awaited[target.closest(".block[id]")?.id]; }, true);
  const keep = more => {
    const now = { ...typed(), ...more };
    for (const [id, words] of Object.entries(awaited)) now[id] ||= words;
    try { sessionStorage.setItem("workbench-typed", JSON.stringify(now)); } catch { /* too much, or a private window */ }
  };
  const kept = () => {
    try {
      const words = sessionStorage.getItem("workbench-typed") ?? "";
      sessionStorage.removeItem("workbench-typed");
      return words;
    } catch { return ""; }
  };
  const keptForm = () => {
    try {
      const form = sessionStorage.getItem("workbench-form");
      return form ? { "finetune-form": form } : {};
    } catch { return {}; }
  };
  // A form that is about to make room for another takes no more words: they would go with it.
  const hold = held => {
    // The model box is filled in for the new task, too.
    const parts = document.querySelectorAll(".playground-form .block, #playground-model");
    parts.forEach(part => { part.inert = held; });
    // The other form did not come: this one stays.
    if (held) setTimeout(() => parts.forEach(part => { part.inert = false; }), 10000);
  };
  // Here, not in Gradio's events: of one trigger it runs them one after another, the server's first.
  document.addEventListener("change", ({ target }) => { if (target.closest("#playground-task")) hold(true); }, true);
  document.addEventListener("click", ({ target }) => { if (target.closest("#try-it")) hold(true); }, true);
  let waits = false;
  window.workbench = {
    tabNames,
    tabButtons,
    // For this tab of the browser: the Fine-tune form by the names of its parts, filled in again when the page is loaded anew.
    keepForm(names, values) {
      const form = Object.fromEntries(names.map((name, place) => [name, values[place] ?? null]));
      // The page is still filling itself in: what was kept before is worth more.
      if (!form.data) return;
      try { sessionStorage.setItem("workbench-form", JSON.stringify(form)); } catch { /* a private window */ }
    },
    // [language, secret, what was typed before the language changed, else the address]: sent to the server when the page opens.
    visitor() {
      let secret = store.get("workbench-visitor");
      if (!secret) {
        secret = [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, "0")).join("");
        store.set("workbench-visitor", secret);
      }
      const before = JSON.parse(kept() || JSON.stringify({ address: location.search }));
      const { again, address, ...rest } = before;
      awaited = rest;
      return [chosen, secret, JSON.stringify({ ...before, ...keptForm() })];
    },
    speak(wanted) {
      if (wanted === chosen) return;
      store.set("workbench-language", wanted);
      keep();
      location.reload();
    },
    // The app was started anew, or is out of reach: the page will be loaded again.
    keepForLater: () => keep({ again: "yes" }),
    toggleScheme() {
      const dark = document.body.classList.toggle("dark");
      store.set("workbench-scheme", dark ? "dark" : "light");
      const url = new URL(location.href);
      url.searchParams.set("__theme", dark ? "dark" : "light");
      history.replaceState(history.state, "", url);
    },
    language: chosen,
    // Scrolls as little as it takes to see a thing: its beginning, where it is higher than the window.
    reveal(what) {
      const part = typeof what === "string" ? document.querySelector(what) : what;
      if (!part) return;
      const { top, bottom, height } = part.getBoundingClientRect();
      // What is fixed to the foot of a phone's screen covers so much of it.
      const covered = parseFloat(getComputedStyle(part).scrollMarginBottom) || 0;
      if (top >= 0 && bottom <= innerHeight - covered) return;
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      part.scrollIntoView({ block: height > innerHeight ? "start" : "nearest", behavior: calm ? "auto" : "smooth" });
    },
    // On a phone, and below open settings, the answer stands where it cannot be seen from the button.
    answering(words) {
      if (words && !waits) workbench.reveal(".answer-card");
      waits = Boolean(words);
    },
    // On a phone the tasks are a row that scrolls sideways: the chosen one is brought into it.
    showTask() {
      requestAnimationFrame(() => {
        const task = document.querySelector("#playground-task label.selected"), row = task?.parentElement;
        row?.scrollTo({ left: task.offsetLeft - row.offsetLeft - (row.clientWidth - task.offsetWidth) / 2 });
      });
    },
    hold,
    seen: key => store.get(key),
    remember: (key, value) => store.set(key, value),
  };
})();

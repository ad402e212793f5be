// The playground's part of the page's address: ?task=...&model=...&text=... Names that begin with __ are not its.
(() => {
  const show = query => {
    const url = new URL(location.href);
    const others = [...url.searchParams].filter(([name]) => name.startsWith("__")).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
    url.search = [query, ...others].filter(Boolean).join("&");
    history.replaceState(history.state, "", url);
    // A Space stands in a frame: the page around it keeps the address.
    if (parent !== window) parent.postMessage({ queryString: query }, "https://huggingface.co");
  };
  const task = () => document.querySelector("#playground-task input:checked")?.value ?? "";
  // Chosen, not asked yet: another task has another input, another model may get the same.
  const choose = wanted => {
    const named = new URLSearchParams(location.search);
    const query = new URLSearchParams({ task: wanted.task ?? task() });
    if (wanted.model) {
      query.set("model", wanted.model);
      for (const [name, value] of named) if (!name.startsWith("__") && !query.has(name) && named.get("task") === task()) query.set(name, value);
    }
    show(query.toString());
  };
  const copy = async () => {
    const url = new URL(location.href);
    for (const name of [...url.searchParams.keys()]) if (name.startsWith("__")) url.searchParams.delete(name);
    try {
      await navigator.clipboard.writeText(url.href);
      return "copied";
    } catch {
      // Only safe pages (https, this computer) have a clipboard.
      const box = Object.assign(document.createElement("textarea"), { value: url.href });
      document.body.append(box);
      box.select();
      const done = document.execCommand("copy");
      box.remove();
      return done ? "copied" : "";
    }
  };
  // A file of text that the page made, handed to the browser.
  const save = ({ name, text }) => {
    const url = URL.createObjectURL(new Blob([text], { type: "application/x-ipynb+json" }));
    Object.assign(document.createElement("a"), { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  };
  document.addEventListener("change", ({ target }) => {
    const rail = target.closest("#playground-task");
    if (rail) choose({ task: target.value });
  }, true);
  Object.assign(window.workbench, { address: { write: query => { if (query) show(query); }, choose, copy }, save });
})();

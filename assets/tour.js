// A card at the page's corner and an outline on what the step is about. The page stays usable: the person does each step.
(() => {
  const key = "workbench-tour";
  let step = -1;
  let outlined = null;
  let taken = false;
  const texts = () => tourTexts[workbench.language];
  const tabButton = name => workbench.tabButtons()[workbench.tabNames.indexOf(name)];
  // What the step is about; the tab where it will stand as long as it cannot be seen.
  const target = () => {
    if (step < 0) return null;
    const { target: id, tab } = texts().steps[step];
    const node = document.getElementById(id);
    return node?.getClientRects().length ? node : tabButton(tab);
  };
  const outline = () => {
    const wanted = target();
    if (wanted === outlined && (!wanted || wanted.classList.contains("tour-target"))) return;
    outlined?.classList.remove("tour-target");
    outlined = wanted;
    wanted?.classList.add("tour-target");
    workbench.reveal(wanted);
  };
  const card = () => {
    let node = document.getElementById("tour");
    if (!node) {
      node = document.createElement("section");
      node.id = "tour";
      node.setAttribute("role", "dialog");
      node.setAttribute("aria-live", "polite");
      document.body.append(node);
    }
    return node;
  };
  const button = (label, action, primary) => {
    const node = document.createElement("button");
    node.type = "button";
    node.textContent = label;
    node.className = primary ? "primary" : "";
    node.addEventListener("click", action);
    return node;
  };
  const draw = (count, title, text, buttons) => {
    const node = card();
    node.replaceChildren();
    for (const [tag, words] of [["small", count], ["h2", title], ["p", text]]) {
      if (!words) continue;
      const line = document.createElement(tag);
      line.textContent = words;
      node.append(line);
    }
    const row = document.createElement("div");
    row.append(...buttons);
    node.append(row);
    node.setAttribute("aria-label", title);
  };
  const end = () => {
    step = -1;
    workbench.remember(key, "seen");
    outline();
    document.getElementById("tour")?.remove();
  };
  const show = number => {
    const { words, steps } = texts();
    if (number >= steps.length) return end();
    const moved = step < 0 || steps[step].tab !== steps[number].tab;
    step = number;
    workbench.remember(key, String(number));
    if (moved) tabButton(steps[number].tab)?.click();
    const buttons = [button(words.skip, end)];
    if (number > 0) buttons.push(button(words.back, () => show(number - 1)));
    const next = () => {
      // The table that was looked at goes along, once, for who did not press the button that the step is about.
      const use = document.getElementById("use-for-training");
      if (steps[number].target === use?.id) {
        if (!taken && use.getClientRects().length) use.click();
        taken = true;
      }
      show(number + 1);
    };
    buttons.push(button(number + 1 < steps.length ? words.next : words.finish, next, true));
    draw(`${words.step} ${number + 1} / ${steps.length}`, steps[number].title, steps[number].text, buttons);
    outline();
  };
  const offer = () => {
    const { words } = texts();
    draw("", words["offer.title"], words["offer.text"], [button(words.later, end), button(words.begin, () => show(0), true)]);
  };
  workbench.tour = show;
  document.addEventListener("keydown", event => { if (event.key === "Escape" && document.getElementById("tour")) end(); });
  // Targets come and go as views are drawn: keep the outline on them.
  let due = false;
  new MutationObserver(() => {
    if (due || step < 0) return;
    due = true;
    requestAnimationFrame(() => { due = false; outline(); });
  }).observe(document.documentElement, { childList: true, subtree: true, attributeFilter: ["class", "style", "aria-selected"] });
  const ready = setInterval(() => {
    if (!document.querySelector("#tabs > .tab-wrapper [role=tab]")) return;
    clearInterval(ready);
    const seen = workbench.seen(key);
    if (seen === null) offer();
    else if (seen !== "seen") show(Number(seen));
  }, 300);
})();

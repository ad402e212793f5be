// Gradio 6.31 closes its stream of answers when nothing is under way. A question that is asked while the word of it is on its way
// trusts in a stream that nobody reads any more: its answer does not come before the next question. Here Gradio's stream
// stays open; the connection behind it still ends when nothing is under way, and each question sees to it that there is one.
(() => {
  const ask = window.fetch.bind(window);
  const { app } = document.currentScript.dataset;
  const underWay = new Set();
  // Answered before it was known under which name the question goes.
  const early = new Set();
  let stream = null;

  const answered = id => { if (!underWay.delete(id)) early.add(id); };

  const openStream = request => {
    let page, reading = false;
    const answers = new ReadableStream({ start(controller) { page = controller; } });
    const encoder = new TextEncoder();
    const pass = words => {
      if (!words.startsWith("data:")) return;
      const { msg, event_id } = JSON.parse(words.slice("data:".length));
      if (msg === "close_stream") return;
      if (msg === "process_completed") answered(event_id);
      page.enqueue(encoder.encode(`${words}\n\n`));
    };
    const read = async () => {
      if (reading || request.signal.aborted) return;
      reading = true;
      try {
        do {
          const { ok, status, body } = await ask(request.clone());
          if (!ok) throw new Error(`no answers: HTTP ${status}`);
          let rest = "";
          for (const pieces = body.pipeThrough(new TextDecoderStream()).getReader(); ;) {
            const { done, value } = await pieces.read();
            if (done) break;
            const messages = (rest + value).split("\n\n");
            rest = messages.pop();
            messages.forEach(pass);
          }
        } while (underWay.size);
      } catch (error) {
        // A connection that breaks while nothing is under way is nobody's loss: the next question makes another.
        if (underWay.size) page.error(error);
      }
      reading = false;
    };
    stream = { read };
    read();
    return new Response(answers, { headers: { "content-type": "text/event-stream" } });
  };

  // Who leaves the page breaks off its questions.
  let leaving = false;
  addEventListener("beforeunload", () => { leaving = true; });
  // Gradio says in English alone that it lost the app. It looks every two seconds whether it is there again, and then loads the page anew.
  const lost = () => {
    if (leaving) return;
    workbench.keepForLater();
    const said = [...document.querySelectorAll(".toast-message-text")].find(toast => toast.textContent.includes("Attempting reconnection"));
    if (said) said.textContent = document.querySelector(".topbar").dataset.lost;
  };

  window.fetch = async (what, how) => {
    const path = new URL(what.url ?? what, location.href).pathname;
    if (path.endsWith("/queue/data")) return openStream(new Request(what, how));
    if (path.endsWith("/app_id")) lost();
    const queued = path.endsWith("/queue/join");
    if (!queued && !path.includes("/run/")) return ask(what, how);
    const headers = new Headers(how.headers);
    headers.set("x-workbench-app", app);
    const answer = await ask(what, { ...how, headers }).catch(error => {
      setTimeout(lost, 100);
      throw error;
    });
    // Another app than the one that made this page: it knows nothing of what stands in it.
    if (answer.status === 409) {
      workbench.keepForLater();
      location.reload();
      return new Promise(() => {});
    }
    if (queued && answer.ok) {
      const { event_id } = await answer.clone().json();
      if (!early.delete(event_id)) {
        underWay.add(event_id);
        stream?.read();
      }
    }
    return answer;
  };
})();

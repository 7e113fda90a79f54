// The clock for the playground. Times are milliseconds of performance.now(), or of the clock on the wall, which the
// kernel has, too. A thing is on the screen when the frame that shows it is done: handlers, style, layout and paint.
window.gwPlay = (() => {
  const kernel = () => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const root = () => document.querySelector(".gw-playground");
  const wall = Date.now() - performance.now();
  const TOKEN = ".gw-written [data-at]";

  /** Resolves when the next frame is on the screen. */
  const painted = () =>
    new Promise((resolve) => {
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => resolve(performance.now());
        port2.postMessage(0);
      });
    });

  /** Watches a run, from the click that begins it to its end; `ran()` then resolves with what was seen. */
  function watchRun() {
    const seen = { clicked: 0, painted: {}, sent: [] };
    const clicked = (event) => {
      seen.clicked = wall + event.timeStamp;
    };
    window.addEventListener("click", clicked, { capture: true, once: true });
    const heard = (_, { msg, direction }) => {
      if (direction === "recv" && msg.header.msg_type === "comm_msg") seen.sent.push(Date.parse(msg.header.date));
    };
    kernel().anyMessage.connect(heard);
    const written = new MutationObserver((changes) => {
      const fresh = changes.flatMap(({ addedNodes }) =>
        [...addedNodes].flatMap((node) => (node.matches?.(TOKEN) ? [node] : [...(node.querySelectorAll?.(TOKEN) ?? [])])),
      );
      const places = fresh.map((span) => span.dataset.at).filter((at) => !(at in seen.painted));
      if (places.length === 0) return;
      for (const at of places) seen.painted[at] = 0;
      painted().then((now) => {
        for (const at of places) seen.painted[at] = wall + now;
      });
    });
    written.observe(root(), { subtree: true, childList: true });
    let began = false;
    const over = new Promise((resolve) => {
      const status = new MutationObserver(() => {
        began ||= root().dataset.status === "running";
        if (!began || root().dataset.status === "running") return;
        status.disconnect();
        resolve();
      });
      status.observe(root(), { attributes: true, attributeFilter: ["data-status"] });
    });
    window.gwPlay.ran = async () => {
      await over;
      await painted();
      await painted();
      written.disconnect();
      kernel().anyMessage.disconnect(heard);
      return seen;
    };
  }

  /** Watches what the moves of sliders cost, until `moved()` is called. */
  function watchSliders() {
    const seen = { drawn: [], own: [], painted: [] };
    let since = null; // when the handlers of the oldest undrawn move began
    const input = ({ timeStamp }) => {
      since ??= performance.now();
      painted().then((now) => seen.painted.push(now - timeStamp));
    };
    const drawn = ({ detail }) => {
      if (since === null) return;
      seen.drawn.push(performance.now() - since);
      seen.own.push(detail.ms);
      since = null;
    };
    window.addEventListener("input", input, { capture: true });
    window.addEventListener("gw-drawn", drawn, { capture: true });
    window.gwPlay.moved = () => {
      window.removeEventListener("input", input, { capture: true });
      window.removeEventListener("gw-drawn", drawn, { capture: true });
      return seen;
    };
  }

  /** Watches how long events take from the hand to the screen, until `handled()` is called. */
  function watchHand(kind, where) {
    const times = [];
    const event = ({ target, timeStamp }) => {
      if (target.matches?.(where)) painted().then((now) => times.push(now - timeStamp));
    };
    window.addEventListener(kind, event, { capture: true, passive: true });
    window.gwPlay.handled = async () => {
      await painted();
      await painted();
      window.removeEventListener(kind, event, { capture: true });
      return times;
    };
  }

  /** A bare field and bare words in a corner of the page: what this browser on this machine can do at best. */
  function bare() {
    const box = document.createElement("div");
    box.style.cssText = "position:fixed;right:0;bottom:0;width:420px;z-index:9999;background:white;contain:content";
    const field = document.createElement("textarea");
    field.className = "gw-bare-field";
    box.append(field, document.createElement("br"));
    for (let i = 0; i < 200; i++) {
      const word = document.createElement("span");
      word.className = "gw-bare-word";
      word.textContent = "words";
      word.onpointerover = () => {
        word.style.background = "orange";
      };
      word.onpointerout = () => {
        word.style.background = "";
      };
      box.append(word, " ");
    }
    document.body.append(box);
  }

  return { watchRun, watchSliders, watchHand, bare };
})();

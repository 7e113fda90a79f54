// The clock for the playground. Times are milliseconds of performance.now(), or of the clock on the wall, which the
// kernel has, too. A thing is on the screen when the frame that shows it is done: handlers, style, layout and paint.
window.gwPlay = (() => {
  const kernel = () => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const root = () => document.querySelector(".gw-playground");
  const wall = Date.now() - performance.now();
  const TOKEN = ".gw-written [data-at]";

  /** Resolves when the frame that is being made is on the screen. */
  const done = () =>
    new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => resolve(performance.now());
      port2.postMessage(0);
    });

  /** Resolves when the next frame is on the screen. */
  const painted = () => new Promise((resolve) => requestAnimationFrame(() => done().then(resolve)));

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

  /**
   * Watches the heatmap through a followed run; `grown(length)` resolves with when the row of each token was on
   * the screen, once `length` tokens are: no tile is missing, and message and text both say that it is there.
   */
  function watchRows() {
    const heat = document.querySelector(".gw-heatmap");
    const rows = [];
    let told = 0; // tokens of this run's record, as far as the page was told
    const heard = (_, { msg, direction }) => {
      if (direction !== "recv" || msg.header.msg_type !== "comm_msg") return;
      const { state, content } = msg.content.data;
      if (state?.info?.record) told = state.info.length;
      else if (content?.kind === "grown") told = content.length;
    };
    kernel().anyMessage.connect(heard);
    let enough = () => {};
    const drawn = async ({ target }) => {
      if (target.dataset.tilesPending !== "0") return;
      const shown = Math.min(told, heat.querySelectorAll(".gw-flow [data-token]").length);
      const at = wall + (await done());
      for (let place = rows.length; place < shown; place++) rows.push(at);
      enough();
    };
    heat.addEventListener("gw-drawn", drawn, { capture: true });
    window.gwPlay.grown = async (length) => {
      await new Promise((resolve, reject) => {
        setTimeout(() => reject(new Error(`${rows.length} of ${length} rows were drawn in time`)), 60_000);
        enough = () => rows.length >= length && resolve();
        enough();
      });
      heat.removeEventListener("gw-drawn", drawn, { capture: true });
      kernel().anyMessage.disconnect(heard);
      return rows;
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

  return { watchRun, watchRows, watchSliders, watchHand, bare };
})();

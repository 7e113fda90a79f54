// The clock in the page. Times are milliseconds of performance.now(); a thing is painted when the drawing in
// its animation frame has ended, which the heatmap tells by the event "gw-drawn" on its matrix.
window.gwBench = (() => {
  const frame = () => new Promise(requestAnimationFrame);
  const book = () => window.jupyterapp.shell.currentWidget.content;
  const kernel = () => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const matrix = () => document.querySelector(".gw-heatmap [data-tiles-pending]");

  const patience = (promise, what, seconds = 120) =>
    Promise.race([
      promise,
      new Promise((_, fail) => setTimeout(() => fail(new Error(`waited ${seconds} s for ${what}`)), seconds * 1000)),
    ]);

  /**
   * Runs a cell until `there(cell's node)` is true, looked at in each frame. Returns how many milliseconds that
   * took, and when it was by the clock on the wall, in ms: the kernel has the same clock.
   */
  async function cellToPaint(index, there) {
    const cell = book().widgets[index];
    cell.outputArea.model.clear();
    await window.gwTest.show(index);
    await frame();
    const start = performance.now();
    window.jupyterapp.commands.execute("notebook:run-cell");
    const painted = async () => {
      while (!there(cell.node)) await frame();
      const end = performance.now();
      return [end - start, performance.timeOrigin + end];
    };
    const times = await patience(painted(), "the cell's picture");
    while (!window.gwTest.idle()) await frame();
    return times;
  }

  const barePainted = (node) => Boolean(node.querySelector(".gw-bare")?.dataset.painted);

  /** The first full picture: the head whole, the text's tokens and the overview's thumbnails. */
  const oursPainted = (node) => {
    const root = node.querySelector('.gw-heatmap[data-status="ready"]');
    const head = root?.querySelector("[data-tiles-pending]");
    return (
      Boolean(head?.dataset.painted) &&
      head.dataset.tilesPending === "0" &&
      root.querySelector(".gw-flow [data-token]") !== null &&
      root.querySelector('.gw-grid canvas[data-missing="0"]') !== null
    );
  };

  /** Changes traits as the widget's own controls do; returns ms until all of the new view is drawn. */
  async function changed(id, traits, save) {
    const model = await window.gwBare.model(id);
    const host = matrix();
    const drawn = new Promise((resolve) => {
      const start = performance.now();
      host.addEventListener("gw-drawn", function heard() {
        if (host.dataset.tilesPending !== "0") return;
        host.removeEventListener("gw-drawn", heard);
        resolve(performance.now() - start);
      });
      for (const [name, value] of Object.entries(traits)) model.set(name, value);
      if (save) model.save_changes();
    });
    return patience(drawn, JSON.stringify(traits), 60);
  }

  /** Asks the kernel for one tile, past the widget's own cache; returns ms until it is all here. */
  async function answer(id, layer, head) {
    const model = await window.gwBare.model(id);
    const request = `bench-${Math.random()}`;
    const variant = model.get("hide_sink") ? "no_sink" : "plain";
    const answered = new Promise((resolve, reject) => {
      const start = performance.now();
      model.on("msg:custom", function heard(content) {
        if (content.id !== request || content.done === false) return;
        model.off("msg:custom", heard);
        if (content.ok) resolve(performance.now() - start);
        else reject(new Error(content.error.message));
      });
      const { record } = model.get("info");
      model.send({ type: "request", id: request, kind: "tiles", record, variant, tiles: [[layer, head, 0, 1, 1]] });
    });
    return patience(answered, "a tile", 60);
  }

  /** Runs Python in the kernel; returns ms until the bare canvas, or this head of ours, is painted anew. */
  async function fromPython(code, head) {
    const canvas = document.querySelector(".gw-bare");
    const before = canvas.dataset.painted;
    const host = matrix();
    const there = head
      ? () => host.dataset.painted.includes(`|${head.join("|")}|`) && host.dataset.tilesPending === "0"
      : () => canvas.dataset.painted !== before;
    const start = performance.now();
    const ran = window.gwTest.value(code);
    const painted = async () => {
      while (!there()) await frame();
      return performance.now() - start;
    };
    const took = await patience(painted(), code, 60);
    await ran;
    return took;
  }

  /** Points at a place of the matrix, in shares of its size; returns ms until that cell's value is known. */
  async function hover(x, y) {
    const host = matrix();
    const box = host.getBoundingClientRect();
    const at = { clientX: box.left + x * box.width, clientY: box.top + y * box.height };
    const target = document.elementFromPoint(at.clientX, at.clientY);
    const before = host.dataset.hover;
    const start = performance.now();
    target.dispatchEvent(new PointerEvent("pointermove", { ...at, bubbles: true, pointerType: "mouse", isPrimary: true }));
    const known = async () => {
      while (host.dataset.hover === before || host.dataset.hover.split(",").length < 3) {
        await new Promise((resolve) => {
          const watch = new MutationObserver(() => { watch.disconnect(); resolve(); });
          watch.observe(host, { attributes: true, attributeFilter: ["data-hover"] });
        });
      }
      return performance.now() - start;
    };
    return patience(known(), "the hovered value", 30);
  }

  /** Counts messages to and from the kernel until the function that it returns is called. */
  function traffic() {
    const count = { sent: 0, bytes: 0 };
    const heard = (_, { msg, direction }) => {
      if (!msg.header.msg_type.startsWith("comm_")) return;
      if (direction === "send") count.sent += 1;
      else {
        const { header, parent_header, metadata, content, buffers = [] } = msg;
        const text = JSON.stringify({ header, parent_header, metadata, content });
        count.bytes += new TextEncoder().encode(text).length + buffers.reduce((sum, b) => sum + b.byteLength, 0);
      }
    };
    kernel().anyMessage.connect(heard);
    window.gwBench.counted = () => {
      kernel().anyMessage.disconnect(heard);
      return count;
    };
  }

  /** Watches frames and drawings until the function that it returns is called. */
  function watchFrames() {
    const intervals = [];
    const draws = [];
    const own = [];
    let waiting = null; // when the handlers of the oldest undrawn input event began
    let last = performance.now();
    let going = true;
    const tick = () => {
      const now = performance.now();
      intervals.push(now - last);
      last = now;
      if (going) requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
    const input = () => { waiting ??= performance.now(); };
    const drawn = (event) => {
      own.push(event.detail?.ms ?? NaN);
      if (waiting !== null) draws.push(performance.now() - waiting);
      waiting = null;
    };
    for (const name of ["wheel", "pointermove"]) window.addEventListener(name, input, { capture: true, passive: true });
    window.addEventListener("gw-drawn", drawn, true);
    window.gwBench.watched = () => {
      going = false;
      for (const name of ["wheel", "pointermove"]) window.removeEventListener(name, input, { capture: true });
      window.removeEventListener("gw-drawn", drawn, true);
      return { intervals: intervals.slice(1), draws, own };
    };
  }

  return { cellToPaint, barePainted, oursPainted, changed, answer, fromPython, hover, traffic, watchFrames, matrix };
})();

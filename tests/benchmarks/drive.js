// The clock in the page. Times are milliseconds of performance.now(); a thing is painted when the drawing in
// its animation frame has ended, which the heatmap tells by the event "gw-drawn" on its matrix.
window.gwBench = (() => {
  const frame = () => new Promise(requestAnimationFrame);
  const book = () => window.jupyterapp.shell.currentWidget.content;
  const kernel = () => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const matrix = () => document.querySelector(".gw-heatmap [data-tiles-pending]");

  let missing = []; // of the first picture, when it was last looked at

  const patience = (promise, what, seconds = 120) =>
    Promise.race([
      promise,
      new Promise((_, fail) => setTimeout(() => fail(new Error(`waited ${seconds} s for ${what} (${missing})`)), seconds * 1000)),
    ]);

  /**
   * Runs a cell until `there(cell's node)` is true, looked at in each frame. Returns how many milliseconds that
   * took, and when it was by the clock on the wall, in ms: the kernel has the same clock.
   */
  async function cellToPaint(index, there) {
    const cell = book().widgets[index];
    cell.outputArea.model.clear();
    await window.gwTest.show(index);
    book().activeCellIndex = index;
    await frame();
    const start = performance.now();
    window.jupyterapp.commands.execute("notebook:run-cell");
    const painted = async () => {
      while (!there(cell.node)) {
        const error = cell.outputArea.model.toJSON().find((output) => output.output_type === "error");
        if (error) throw new Error(`${error.ename}: ${error.evalue}`);
        await frame();
      }
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
    const parts = {
      ready: Boolean(root),
      head: Boolean(head?.dataset.painted) && head.dataset.tilesPending === "0",
      text: Boolean(root?.querySelector(".gw-flow [data-token]")),
      overview: overviewPainted(root?.querySelector(".gw-grid canvas")),
    };
    missing = Object.keys(parts).filter((part) => !parts[part]);
    return missing.length === 0;
  };

  /** Whether thumbnails are drawn: what stands in their place until then is not opaque. */
  function overviewPainted(canvas) {
    if (!(canvas?.width > 0 && canvas.height > 64)) return false;
    const { data } = canvas.getContext("2d").getImageData(0, canvas.height >> 1, canvas.width, 32);
    return data.filter((value, i) => i % 4 === 3 && value === 255).length > 3 * canvas.width; // a tenth
  }

  /** Resolves with the time of the first drawing in which nothing is missing and that `fits`. */
  const drawn = (fits = () => true) =>
    new Promise((resolve) => {
      const host = matrix();
      host.addEventListener("gw-drawn", function heard() {
        if (host.dataset.tilesPending !== "0" || !fits()) return;
        host.removeEventListener("gw-drawn", heard);
        resolve(performance.now());
      });
    });

  /** Changes traits as the widget's own controls do; returns ms until all of the new view is drawn. */
  async function changed(id, traits, save) {
    const model = await window.gwBare.model(id);
    const start = performance.now();
    const end = drawn();
    for (const [name, value] of Object.entries(traits)) model.set(name, value);
    if (save) model.save_changes();
    return (await patience(end, JSON.stringify(traits), 60)) - start;
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
    const { dataset } = document.querySelector(".gw-heatmap");
    const canvas = document.querySelector(".gw-bare");
    const before = canvas.dataset.painted;
    const barely = async () => {
      while (canvas.dataset.painted === before) await frame();
      return performance.now();
    };
    const start = performance.now();
    const end = head ? drawn(() => dataset.layer === String(head[0]) && dataset.head === String(head[1])) : barely();
    const ran = window.gwTest.value(code);
    const took = (await patience(end, code, 60)) - start;
    await ran;
    return took;
  }

  /** Chooses a cell as a click does; returns ms until its arithmetic is drawn, its strips included. */
  async function unfolded(id, query, key) {
    const model = await window.gwBare.model(id);
    const words = `query ${query.toLocaleString("en")}, key ${key.toLocaleString("en")}`;
    const there = () => {
      const panel = document.querySelector(".gw-arithmetic");
      return panel?.getAttribute("aria-busy") === "false" && panel.querySelector("header").textContent.includes(words);
    };
    const drawn = new Promise((resolve) => {
      window.addEventListener("gw-drawn", function heard({ target }) {
        if (!target.closest(".gw-arithmetic") || !there()) return; // the picture's own drawing, or an old cell
        window.removeEventListener("gw-drawn", heard, true);
        resolve(performance.now());
      }, true);
    });
    const start = performance.now();
    if (model.get("query") === query + 1 && model.get("key") === key) {
      const options = { key: "ArrowUp", bubbles: true, cancelable: true };
      document.querySelector(".gw-matrix").dispatchEvent(new KeyboardEvent("keydown", options));
    } else {
      model.set("query", query);
      model.set("key", key);
      model.save_changes();
    }
    return (await patience(drawn, words, 60)) - start;
  }

  /** Moves the pointer to a place of the matrix, in shares of its size. */
  function point(x, y) {
    const box = matrix().getBoundingClientRect();
    const at = { clientX: box.left + x * box.width, clientY: box.top + y * box.height };
    const options = { ...at, bubbles: true, pointerType: "mouse", isPrimary: true };
    document.elementFromPoint(at.clientX, at.clientY).dispatchEvent(new PointerEvent("pointermove", options));
  }

  /** Takes the pointer away, so that a change of view asks for nothing under it. */
  function leave() {
    for (const canvas of matrix().querySelectorAll("canvas")) canvas.dispatchEvent(new PointerEvent("pointerleave"));
  }

  /** Points into a patch that is not here; returns ms until its values have come and what they say is drawn. */
  async function hover(x, y) {
    const came = new Promise((resolve) => {
      kernel().anyMessage.connect(function heard(_, { msg, direction }) {
        if (direction !== "recv" || !msg.buffers?.some((buffer) => buffer.byteLength === 4 * 64 * 64)) return;
        kernel().anyMessage.disconnect(heard);
        resolve();
      });
    });
    const start = performance.now();
    point(x, y);
    return (await patience(came.then(() => drawn()), "the hovered values", 30)) - start;
  }

  /** Counts what the kernel sends and what it is asked for, until `counted` is called. */
  function traffic() {
    const count = { asked: [], bytes: 0 };
    const heard = (_, { msg, direction }) => {
      if (direction === "send") {
        const { type, kind } = msg.content.data?.content ?? {};
        // The picture for the saved notebook goes to the kernel when everything has been quiet for a while.
        if (type === "request" && kind !== "picture") count.asked.push(kind);
      } else {
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
    let frames = 0; // since then: an event that changed nothing (at the head's edge) is drawn in none
    let last = performance.now();
    let going = true;
    const tick = () => {
      const now = performance.now();
      intervals.push(now - last);
      last = now;
      frames += 1;
      if (frames > 2) waiting = null;
      if (going) requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
    const input = () => {
      if (waiting !== null) return;
      waiting = performance.now();
      frames = 0;
    };
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

  return { cellToPaint, barePainted, oursPainted, changed, answer, fromPython, unfolded, hover, leave, point, traffic, watchFrames, matrix };
})();

// What the tests ask of the page. JupyterLab's own application object does the driving, so that nothing
// depends on where a button is; the widgets themselves are used by mouse and keyboard.
window.gwTest = (() => {
  const app = () => window.jupyterapp;
  const panel = () => app()?.shell.currentWidget;
  const book = () => panel()?.content;
  const session = () => panel()?.sessionContext;
  const cell = (index) => book().widgets[index];
  const frame = () => new Promise(requestAnimationFrame);

  function idle() {
    const kernel = session()?.session?.kernel;
    return Boolean(
      panel()?.context?.isReady && session().isReady && kernel?.status === "idle" && kernel.connectionStatus === "connected",
    );
  }

  async function until(test, what, seconds = 120) {
    const end = performance.now() + seconds * 1000;
    while (!test()) {
      if (performance.now() > end) throw new Error(`waited ${seconds} s for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async function theme(name) {
    await app().commands.execute("apputils:change-theme", { theme: name });
    const light = String(name === "JupyterLab Light");
    await until(() => document.body.dataset.jpThemeLight === light, name);
  }

  async function prepare(name) {
    if (app().shell.leftCollapsed === false) app().shell.collapseLeft();
    if (app().shell.rightCollapsed === false) app().shell.collapseRight();
    const dark = name !== "JupyterLab Light";
    if (dark) await theme(name);
  }

  async function begin(index) {
    await show(index);
    book().activeCellIndex = index;
    return { ran: app().commands.execute("notebook:run-cell") };
  }

  async function run(index) {
    await (await begin(index)).ran;
    await until(idle, `cell ${index}`, 600);
    const outputs = cell(index).model.outputs.toJSON();
    const error = outputs.find((output) => output.output_type === "error");
    return error ? error.traceback.join("\n").replace(/\u001b\[[\d;]*m/g, "") : null;
  }

  async function append(source) {
    const model = book().model.sharedModel;
    model.addCell({ cell_type: "code", source });
    const index = model.cells.length - 1;
    await until(() => book().widgets.length > index, "the new cell");
    return index;
  }

  // JupyterLab draws only the cells that can be seen. One that is there already stays where it is: scrolling
  // would take it away from under the pointer.
  async function show(index) {
    const notebook = book();
    const { top, bottom } = cell(index).node.getBoundingClientRect();
    if (cell(index).isVisible && bottom > 0 && top < window.innerHeight && bottom > top) return;
    await notebook.scrollToItem(index, "start");
    await cell(index).ready;
    await frame();
  }

  function mark(index) {
    const node = cell(index).node;
    node.dataset.gwTestCell = cell(index).model.id;
    return `[data-gw-test-cell="${cell(index).model.id}"]`;
  }

  async function settle(quiet) {
    let last = performance.now();
    const watch = new MutationObserver((records) => {
      // JupyterLab's status bar counts memory and time on an idle page as well.
      if (records.some((r) => !r.target.closest?.("#jp-bottom-panel"))) last = performance.now();
    });
    watch.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
    await until(() => performance.now() - last >= quiet, "a quiet page", 20).catch(() => {});
    watch.disconnect();
    await frame();
    await frame();
  }

  async function value(code) {
    const ask = () => session().session.kernel.requestExecute({
      code: "", silent: true, store_history: false, user_expressions: { answer: code },
    }).done;
    let { content } = await ask();
    // For a moment after a cell was interrupted the kernel turns away whatever was asked meanwhile.
    for (let again = 0; content.status === "aborted" && again < 100; again++) {
      await frame();
      ({ content } = await ask());
    }
    if (!content.user_expressions) throw new Error(`the kernel evaluated nothing: ${content.status}`);
    const { answer } = content.user_expressions;
    if (answer.status !== "ok") throw new Error(`${answer.ename}: ${answer.evalue}`);
    return answer.data["text/plain"];
  }

  async function kill() {
    const kernel = session().session.kernel;
    let gone = false;
    kernel.statusChanged.connect((_, status) => {
      gone ||= status === "autorestarting" || status === "dead";
    });
    const code = "import os; os.kill(os.getpid(), 9)";
    kernel.requestExecute({ code, silent: true, store_history: false }).done.catch(() => {}); // it never answers
    await until(() => gone, "Jupyter to see that the kernel is gone");
  }

  return {
    idle, theme, prepare, run, append, show, mark, settle, value, kill,
    begin: (index) => begin(index).then(() => {}),
    // Known from the outputs themselves: the page may still be about to draw them.
    heatmaps: (index) => cell(index).model.outputs.toJSON().filter(({ data }) =>
      data?.["application/vnd.jupyter.widget-view+json"] && `${data["text/plain"]}`.startsWith("AttentionHeatmap("),
    ).length,
    codeCells: () => book().widgets.flatMap((w, i) => (w.model.type === "code" ? [i] : [])),
    // The output itself where there is one, without the prompt beside it.
    outputWidth: (index) => {
      const area = cell(index).node.querySelector(".jp-Cell-outputArea");
      return (area.querySelector(".jp-OutputArea-output") ?? area).getBoundingClientRect().width;
    },
    save: () => panel().context.save(),
    interrupt: () => session().session.kernel.interrupt(),
    restart: () => session().session.kernel.restart(),
    shutdown: () => session().session.kernel.shutdown(),
  };
})();

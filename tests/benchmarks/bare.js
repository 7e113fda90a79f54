// The physical limit: one canvas, nothing else. What any canvas widget on this platform takes at least.
export default () => ({
  render({ model, el }) {
    const canvas = document.createElement("canvas");
    canvas.className = "gw-bare";
    canvas.style.cssText = "width: 128px; height: 128px; display: block";
    el.append(canvas);
    const colors = Uint32Array.from({ length: 256 }, (_, i) => 0xff000000 | (i * 0x010101));
    let done = () => {};

    // Drawn in an animation frame, as ours is; "painted" is the end of the drawing.
    const paint = (buffer, side) =>
      requestAnimationFrame(() => {
        const codes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
        canvas.width = canvas.height = side;
        const image = new ImageData(side, side);
        const pixels = new Uint32Array(image.data.buffer);
        for (let i = 0; i < pixels.length; i++) pixels[i] = colors[codes[i]];
        canvas.getContext("2d").putImageData(image, 0, 0);
        canvas.dataset.painted = String(Number(canvas.dataset.painted ?? 0) + 1);
        done();
      });

    model.on("change:pixels", () => paint(model.get("pixels"), model.get("side")));
    model.on("msg:custom", (content, buffers) => {
      if (content.kind === "tile") paint(buffers[0], content.side);
      else done();
    });
    if (model.get("side") > 0) paint(model.get("pixels"), model.get("side"));

    const ask = (content) =>
      new Promise((resolve) => {
        const start = performance.now();
        done = () => resolve(performance.now() - start);
        model.send(content);
      });
    // For the page's own script: milliseconds to the answer, or to the painted tile; and any other model.
    window.gwBare = {
      echo: () => ask({ kind: "echo" }),
      tile: (side) => ask({ kind: "tile", side }),
      model: (id) => model.widget_manager.get_model(id),
    };
  },
});

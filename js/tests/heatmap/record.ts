// What the kernel says of a small record.

export const WORDS = ["The", " animal", " didn", "'t", " cross", "</script><img src=x onerror=alert(1)>"];

export const READY = {
  status: "ready",
  text: WORDS.join(""),
  layer: 1,
  head: 0,
  query: null,
  key: null,
  direction: "from",
  hide_sink: true,
  info: {
    record: "r",
    length: 6,
    layers: [0, 1],
    n_heads: 2,
    n_kv_heads: 1,
    windows: [null, 4],
    name: "a<b>",
    causal: true,
    first_level: 0,
  },
  tokens: { pieces: WORDS, ids: [1, 2, 3, 4, 5, 6], groups: null, special: [] },
  scores: {
    columns: ["entropy"],
    rows: [
      [0, 0, 3],
      [0, 1, 1],
      [1, 0, 2],
      [1, 1, 0.5],
    ],
  },
  kinds: { local: "A band along the diagonal." },
  kind_of: [[1, 0, "local"]],
  sentence: "layer 1 head 0",
};

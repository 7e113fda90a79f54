// Widgets that tell of one token draw it in one frame of the page, which costs as much as all that it shows: the row
// that a heatmap has got waits a moment for what the playground will tell of the next token.

const TOLD = "gw-told";
const PATIENCE = 20; // ms until what came is shown by itself
const JUST_NOW = 40; // ms; what was told within them is of the same token: there is nothing to wait for

/** Says to the widgets of this page that a token has come. */
export const tellPage = (): void => void document.dispatchEvent(new Event(TOLD));

/** Hands on what comes, together, when the page is told of a token, or after a moment. */
export function together<Thing>(
  take: (all: readonly Thing[]) => void,
  ends: AbortSignal,
): (one: Thing) => void {
  let came: Thing[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let told = Number.NEGATIVE_INFINITY;
  const flush = (): void => {
    clearTimeout(timer);
    const all = came;
    came = [];
    if (all.length > 0 && !ends.aborted) take(all);
  };
  const hear = (): void => {
    told = performance.now();
    flush();
  };
  document.addEventListener(TOLD, hear, { signal: ends });
  return (one) => {
    came.push(one);
    if (performance.now() - told < JUST_NOW) flush();
    else if (came.length === 1) timer = setTimeout(flush, PATIENCE);
  };
}

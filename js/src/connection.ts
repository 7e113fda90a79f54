// Whether a kernel is there.
import { type ReadonlySignal, signal } from "@preact/signals-core";
import { type Wire, WireError } from "./wire";

/** Whether a kernel answers: nobody knows yet, yes, no. */
export type Connection = "waiting" | "live" | "silent";

const ANSWER = 8000; // ms within which a kernel that is there answers a greeting
const AGAIN = 20_000;

/** Greets the kernel, again from time to time while it is silent: it may only be busy. */
export function greet(wire: Wire, ends: AbortSignal): ReadonlySignal<Connection> {
  const connection = signal<Connection>("waiting");
  let timer: ReturnType<typeof setTimeout> | undefined; // of the last greeting
  const silent = (): void => {
    connection.value = "silent";
  };
  const hello = (): void => {
    clearTimeout(timer);
    timer = setTimeout(silent, ANSWER);
    const mine = timer;
    wire
      .hello(ANSWER + AGAIN) // a kernel that runs a long cell answers late, and that is an answer, too
      .then(() => {
        clearTimeout(mine);
        connection.value = "live";
      })
      .catch((error: unknown) => {
        if (ends.aborted || mine !== timer) return;
        clearTimeout(timer);
        silent();
        if (error instanceof WireError) hello();
        else timer = setTimeout(hello, AGAIN);
      });
  };
  hello();
  wire.onLine(hello, ends); // a kernel that died, or was started anew
  ends.addEventListener("abort", () => clearTimeout(timer), { once: true });
  return connection;
}

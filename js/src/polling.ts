// Asks for what the kernel's threads say where the host drops it: Colab shows only what is sent while a cell runs or
// while a message of the page is answered. After each greeting one message, "aside", comes from a thread; a page that
// does not hear it asks from time to time, and gets the rest within the answer. See gptwidgets/widgets/outbox.py.

const DEAF = 3000; // ms after the greeting within which a host that drops nothing has delivered the "aside"
const SOON = 150; // ms between two polls while something comes, or is waited for
const MOST = 2000; // ms between two polls while nothing happens
const FAILED = 5000;

export interface Polling {
  /** A greeting is sent; whom it reaches is not known. */
  greets(): void;
  /** The kernel has answered it; the "aside" may have come before. */
  greeted(): void;
  /** The "aside" has come: threads are heard here. */
  heard(): void;
  /** Something was asked, whose answer may come from a thread. */
  asked(): void;
}

/**
 * @param poll asks once; resolves with how much was sent within the answer.
 * @param waits whether an answer is waited for.
 */
export function polling(poll: () => Promise<number>, waits: () => boolean, ends: AbortSignal): Polling {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let deaf = false;
  let hears = false;
  let asking = false;
  let pause = SOON;

  const later = (ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(look, ms);
  };
  const look = (): void => {
    deaf = true;
    asking = true;
    poll()
      .then((sent) => {
        pause = sent > 0 || waits() ? SOON : Math.min(pause * 1.5, MOST);
      })
      .catch(() => {
        pause = FAILED;
      })
      .then(() => {
        asking = false;
        if (deaf && !ends.aborted) later(pause);
      });
  };
  ends.addEventListener("abort", () => clearTimeout(timer), { once: true });
  return {
    greets() {
      hears = false;
    },
    greeted() {
      if (!(hears || deaf || ends.aborted)) later(DEAF);
    },
    heard() {
      hears = true;
      deaf = false;
      clearTimeout(timer);
    },
    asked() {
      if (deaf && !asking && pause > SOON) later(SOON);
    },
  };
}

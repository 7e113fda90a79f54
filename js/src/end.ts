// A scroller that stays at its end while something is added to it.
import { onEnd } from "./dom";

const NEAR = 24; // px from the end within which a reader is at the end

/**
 * Keeps a scroller at its end for a reader who is there, for as long as the part of the page that is being built.
 *
 * It scrolls when the frame is laid out already: asking for the height before that would lay the page out once more.
 *
 * @returns what is told of the part of the content, a block, that grows; the one before grows no more.
 */
export function stayAtEnd(host: HTMLElement): (growing: Element) => void {
  let atEnd = true;
  let put = -1; // where our own scroll went, which is not yet told of
  let watched: Element | undefined;
  const scrolled = (): void => {
    // The scrolls of a frame are told of once: a reader's own may hide in the event of ours.
    if (host.scrollTop !== put) atEnd = host.scrollHeight - host.scrollTop - host.clientHeight < NEAR;
    put = -1;
  };
  host.addEventListener("scroll", scrolled, { passive: true });
  const observer = new ResizeObserver(() => {
    const before = host.scrollTop;
    if (atEnd) host.scrollTop = host.scrollHeight;
    if (host.scrollTop !== before) put = host.scrollTop;
  });
  onEnd(() => observer.disconnect());
  return (growing) => {
    if (growing === watched) return;
    observer.disconnect();
    observer.observe(growing);
    watched = growing;
  };
}

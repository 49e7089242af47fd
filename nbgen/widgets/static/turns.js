// One thing after another: what comes while something takes its time waits until it is done.

/** Two functions that share one queue. */
export function turns() {
  let queue = null; // what waits; null where nothing is waited for

  /** Do it: now, or once that is done which others wait for. */
  function inTurn(action) {
    if (queue) queue.push(action);
    else action();
  }

  /** Everything in turn waits for the promise `work`, and for `then`, which is done first. */
  async function whileOthersWait(work, then) {
    queue = [];
    try {
      await work;
    } finally {
      const waiting = queue;
      queue = null;
      then?.();
      waiting.forEach(inTurn); // after one of them that others wait for, too, the rest queue up again
    }
  }

  return { inTurn, whileOthersWait };
}

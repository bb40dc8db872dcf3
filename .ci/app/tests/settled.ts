import { vi } from 'vitest';

/** One turn of the event loop, on which React works. It is real where timers are not. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

/** Lets time pass, in milliseconds, and everything that follows from it happen. */
export async function pass(ms: number): Promise<void> {
  if (vi.isFakeTimers()) {
    await vi.advanceTimersByTimeAsync(ms);
  }
  for (let i = 0; i < 10; i++) {
    await turn();
  }
}

/** Lets everything happen that needs no time. */
export const settled = (): Promise<void> => pass(0);

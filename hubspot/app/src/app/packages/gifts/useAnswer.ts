import { useCallback, useEffect, useRef, useState } from 'react';
import { problemOf } from './backend.ts';
import type { Problem } from './wire.ts';

/** What a request has brought so far. */
export interface Answer<T> {
  /** The newest answer, also while a later request fails. */
  value?: T;
  /** Why the newest request brought no answer. */
  problem?: Problem;
  /** Asks at once. */
  reload: () => void;
}

/** Problems that pass by themselves. */
const passing = ['unreachable', 'later', 'busy'];

/** How long to wait after such a problem, in milliseconds. */
const patience = 30_000;

/**
 * Asks when the component appears, and again after as many milliseconds as `pause`
 * says for the answer; where it says undefined, no more. `ask` has to stay the same
 * function as long as it asks for the same.
 */
export function useAnswer<T>(ask: () => Promise<T>, pause: (value: T) => number | undefined): Answer<T> {
  const [last, setLast] = useState<{ ask?: () => Promise<T>; value?: T; problem?: Problem }>({});
  const [round, setRound] = useState(0);
  const wait = useRef(pause);
  wait.current = pause;

  useEffect(() => {
    let gone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const next = (delay: number | undefined) => {
      if (delay !== undefined) {
        timer = setTimeout(() => void once(), delay);
      }
    };
    const once = async () => {
      try {
        const value = await ask();
        if (!gone) {
          setLast({ ask, value });
          next(wait.current(value));
        }
      } catch (error) {
        if (!gone) {
          const problem = problemOf(error);
          setLast((before) => ({ ...(before.ask === ask && before), ask, problem }));
          next(passing.includes(problem.code) ? patience : undefined);
        }
      }
    };
    void once();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [ask, round]);

  const reload = useCallback(() => setRound((n) => n + 1), []);
  const { value, problem } = last.ask === ask ? last : {};
  return { ...(value !== undefined && { value }), ...(problem && { problem }), reload };
}

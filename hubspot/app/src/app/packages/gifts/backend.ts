import { hubspot } from '@hubspot/ui-extensions';
import type { Problem } from './wire.ts';

/** Most contacts that one draft may have. */
export const mostContacts = 50;

/** The program's routes for the app, below its public address. */
export interface Backend {
  get<T>(route: string, query?: [name: string, value: string][]): Promise<T>;
  post<T>(route: string, body: object): Promise<T>;
}

/** What a promise of a Backend is rejected with. */
export class Refusal extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

const unreachable: Problem = {
  code: 'unreachable',
  message: 'The Thnks service did not answer. Try again in a minute. If it goes on, tell the person who runs it.',
};

/** The problem that a rejected promise stands for. */
export function problemOf(error: unknown): Problem {
  return error instanceof Refusal ? error.problem : unreachable;
}

/**
 * The program at the address of the profile that the app was uploaded with. HubSpot
 * adds who asks and signs the request, so it carries no secret. It repeats a request
 * once where the answer is lost.
 */
export function backendOf(context: { variables?: Record<string, unknown> }): Backend {
  const base = `${String(context.variables?.PUBLIC_URL)}/hubspot/card/`;
  async function ask<T>(url: string, options: Parameters<typeof hubspot.fetch>[1]): Promise<T> {
    const response = await hubspot.fetch(url, options);
    if (response.ok) {
      return (await response.json()) as T;
    }
    const problem: unknown = await response.json().catch(() => undefined);
    throw new Refusal(isProblem(problem) ? problem : unreachable);
  }
  return {
    get: (route, query = []) => {
      const search = query.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
      return ask(base + route + (search && `?${search}`), { method: 'GET' });
    },
    post: (route, body) => ask(base + route, { method: 'POST', body: { ...body } }),
  };
}

function isProblem(value: unknown): value is Problem {
  const { code, message } = (value ?? {}) as Partial<Problem>;
  return typeof code === 'string' && typeof message === 'string';
}

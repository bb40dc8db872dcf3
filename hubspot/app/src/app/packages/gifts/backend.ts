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

/** It is not known what became of the request. */
export const unreachable: Problem = {
  code: 'unreachable',
  message: 'The Thnks service did not answer. Try again in a minute. If it goes on, tell the person who runs it.',
};

const addressless: Problem = {
  code: 'no_address',
  message:
    'The app was uploaded to HubSpot without the address of the Thnks service. Upload it again with a profile that has PUBLIC_URL.',
};

/** The problem that a rejected promise stands for. */
export function problemOf(error: unknown): Problem {
  return error instanceof Refusal ? error.problem : unreachable;
}

/**
 * The program at the address PUBLIC_URL of the profile that the app was uploaded with.
 * HubSpot adds who asks and signs the request, so it carries no secret. It repeats a
 * request once where the answer is lost.
 */
export function backendOf(address: unknown): Backend {
  async function ask<T>(path: string, options: Parameters<typeof hubspot.fetch>[1]): Promise<T> {
    if (typeof address !== 'string') {
      throw new Refusal(addressless);
    }
    const response = await hubspot.fetch(`${address}/hubspot/card/${path}`, options);
    if (response.ok) {
      return (await response.json()) as T;
    }
    const problem: unknown = await response.json().catch(() => undefined);
    throw new Refusal(isProblem(problem) ? problem : unreachable);
  }
  return {
    get: (route, query = []) => {
      const search = query.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
      return ask(route + (search && `?${search}`), { method: 'GET' });
    },
    post: (route, body) => ask(route, { method: 'POST', body: { ...body } }),
  };
}

function isProblem(value: unknown): value is Problem {
  const { code, message } = (value ?? {}) as Partial<Problem>;
  return typeof code === 'string' && typeof message === 'string';
}

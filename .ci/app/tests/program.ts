// A program that answers as the examples of the real one do.
import { hubspot } from '@hubspot/ui-extensions';
import { vi } from 'vitest';

type Body = Record<string, unknown>;
type Answer = (query: URLSearchParams, body: Body) => unknown;

/** A request that the app has made. */
export interface Request {
  route: string;
  query: URLSearchParams;
  body: Body;
}

/** What an answer throws to be refused with this status. */
export class Refused {
  readonly status: number;
  readonly body: string;

  constructor(status: number, body: unknown) {
    this.status = status;
    this.body = typeof body === 'string' ? body : JSON.stringify(body);
  }
}

export const variables = { PUBLIC_URL: 'https://sync.example.com' };

/** Puts a program in the place of the one that HubSpot would ask, with these routes. */
export function program(routes: Record<string, Answer>): Request[] {
  const requests: Request[] = [];
  vi.spyOn(hubspot, 'fetch').mockImplementation(async (address, options = {}) => {
    const url = new URL(address);
    const [, route] = /^\/hubspot\/card\/(\w+)$/.exec(url.pathname) ?? [];
    const answer = routes[`${options.method} ${route}`];
    if (url.origin !== variables.PUBLIC_URL || !route || !answer) {
      throw new Error(`no answer to ${options.method} ${address}`);
    }
    const body = options.body ?? {};
    requests.push({ route, query: url.searchParams, body });
    try {
      return Response.json(await answer(url.searchParams, body));
    } catch (refused) {
      if (refused instanceof Refused) {
        return new Response(refused.body, { status: refused.status });
      }
      throw refused;
    }
  });
  return requests;
}

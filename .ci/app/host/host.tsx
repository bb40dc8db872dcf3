// Stands in for HubSpot around a page of the app: it draws HubSpot's components as
// plain HTML, and hands requests to the server of the page, which plays the part of
// hubspot.fetch. It has nothing of HubSpot's looks.
import * as React from 'react';
import { createRoot } from 'react-dom/client';
import { component } from './components.tsx';

interface Options {
  method?: string;
  body?: unknown;
}

async function hsFetch(url: string, { method = 'GET', body }: Options = {}): Promise<Response> {
  return fetch('/fetch', { method: 'POST', body: JSON.stringify({ url, method, body: body === undefined ? '' : JSON.stringify(body) }) });
}

// Waits are shorter by this factor, so that a test need not wait for the next look.
const speed = Number(document.documentElement.dataset.speed);
const wait = globalThis.setTimeout;
globalThis.setTimeout = ((then: () => void, ms = 0) => wait(then, ms / speed)) as typeof setTimeout;

const text = (id: string): string => document.getElementById(id)?.textContent ?? '';
const context: unknown = JSON.parse(text('context'));
const actions = {
  addAlert: ({ message }: { message: string }) => {
    document.getElementById('alerts')?.append(message);
  },
};

// What a bundle of HubSpot's builder expects around it.
Object.assign(globalThis, {
  __HUBSPOT_EXTENSION_WORKER__: true,
  React,
  RemoteUI: { createRemoteReactComponent: component },
  hsFetch,
  hsWorkerAPI: {
    useExtensionContext: () => context,
    useAppPageLocation: () => ({ path: '/', params: {} }),
  },
  extend_V2: (page: (api: { context: unknown; actions: typeof actions }) => React.ReactNode) => {
    const root = document.getElementById('page');
    if (root) {
      createRoot(root).render(page({ context, actions }));
    }
  },
});

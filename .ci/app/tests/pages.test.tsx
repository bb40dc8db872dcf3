import { BarChart, Button, EmptyState, ErrorState, LoadingSpinner, StatisticsItem, Table, Tile } from '@hubspot/ui-extensions';
import { createRenderer } from '@hubspot/ui-extensions/testing';
import { expect, test, vi } from 'vitest';
import { problem, settings } from '../project/src/app/packages/gifts/examples.ts';
import type { Statistics } from '../project/src/app/packages/gifts/wire.ts';
import { Pages } from '../project/src/app/pages/Pages.tsx';
import { ConnectionSettings } from '../project/src/app/settings/ConnectionSettings.tsx';
import golden from '../../../sync/stats/testdata/example.json' with { type: 'json' };
import { program, Refused, variables } from './program.ts';
import { settled } from './settled.ts';
import { textOf } from './text.ts';

// The statistics that the program's own tests expect.
const statistics: Statistics = golden;

async function page() {
  const r = createRenderer('pages');
  r.mocks.context.variables = variables;
  r.mocks.context.portal.timezone = 'Asia/Tokyo';
  r.render(<Pages />);
  expect(r.find(LoadingSpinner).props.label).toBe('Loading the statistics');
  await settled();
  return r;
}

test('the page shows the statistics', async () => {
  program({ 'GET statistics': () => statistics });
  const r = await page();
  expect(r.findAll(StatisticsItem).map((s) => [s.props.label, s.props.number])).toEqual([
    ['Gifts sent', 6],
    ['Worth', '3000 JPY'],
    ['Worth', '15.005 USD'],
    ['Worth', '10 without a currency'],
    ['Redeemed', '50 %'],
  ]);
  const months = r.find(BarChart).props.data as { month: string; sent: number }[];
  expect(months.map(({ month, sent }) => [month, sent])).toEqual(Object.entries(statistics.by_month).sort());
  const [byStatus, types] = r.findAll(Table).map(textOf);
  expect(byStatus).toContain('Refunded 2');
  expect(types).toContain('Coffee 3');
});

test('the page says that there are no gifts, and what else is wrong', async () => {
  program({ 'GET statistics': () => ({ ...statistics, total_sent: 0 }) });
  expect((await page()).find(EmptyState).props.title).toBe('No gifts yet');
  program({
    'GET statistics': () => {
      throw new Refused(403, problem);
    },
  });
  expect(textOf((await page()).find(ErrorState))).toContain(problem.message);
});

async function settingsPage() {
  const r = createRenderer('settings');
  r.mocks.context.variables = variables;
  r.mocks.context.portal.timezone = 'Europe/London';
  r.render(<ConnectionSettings context={r.mocks.context} />);
  expect(r.find(LoadingSpinner).props.label).toBe('Looking at the connection');
  await settled();
  return r;
}

test('the settings page says what is connected and what is missing', async () => {
  const requests = program({ 'GET settings': () => settings });
  const r = await settingsPage();
  expect(textOf(r.getRootNode())).toContain('HubSpot account 62515 is the portal acme of the Thnks service. Last synced Nov 30, 2026, 1:00 PM.');
  const parts = r.findAll(Tile).map(textOf);
  expect(parts[0]).toBe('Access to HubSpot Connected HubSpot account 62515 is connected through the app main');
  expect(parts[1]).toContain('Scopes Missing without crm.objects.owners.read');
  expect(parts[1]).toContain('What to do: add the scope to the app');
  expect(parts).toHaveLength(settings.parts.length);
  r.find(Button, (b) => textOf(b) === 'Look again').trigger('onClick');
  await settled();
  expect(requests).toHaveLength(2);
});

test('the settings page of an account that is not connected says what to do', async () => {
  let connected = false;
  program({
    'GET settings': () => {
      if (!connected) {
        throw new Refused(403, problem);
      }
      return { ...settings, last_sync: null, parts: [{ name: 'sync', state: 'broken', what: 'the access was revoked', remedy: 'run connect' }] };
    },
  });
  const r = await settingsPage();
  expect(textOf(r.find(ErrorState))).toContain(problem.message);
  connected = true;
  r.find(Button).trigger('onClick');
  await vi.waitFor(() => expect(textOf(r.find(Tile))).toBe('Sync Broken the access was revoked What to do: run connect'));
  expect(textOf(r.getRootNode())).toContain('No sync has finished yet.');
});

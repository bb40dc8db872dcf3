import {
  Alert,
  Button,
  EmptyState,
  ErrorState,
  Link,
  LoadingSpinner,
  StatisticsItem,
  StatusTag,
  Tile,
} from '@hubspot/ui-extensions';
import { createRenderer } from '@hubspot/ui-extensions/testing';
import { useState } from 'react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ThnksCard } from '../project/src/app/cards/ThnksCard.tsx';
import { gifts, problem } from '../project/src/app/packages/gifts/examples.ts';
import type { Gift, Gifts } from '../project/src/app/packages/gifts/wire.ts';
import { pass, settled } from './settled.ts';
import { textOf } from './text.ts';
import { program, Refused, variables } from './program.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** The card of contact 101, after the first answers have come. */
async function card() {
  const r = createRenderer('crm.record.tab');
  r.mocks.context.variables = variables;
  r.mocks.context.portal.timezone = 'America/New_York';
  r.mocks.context.crm = { objectId: 101, objectTypeId: '0-1' };
  r.render(<ThnksCard context={r.mocks.context} />);
  return r;
}

test('the card says that it loads', async () => {
  program({ 'GET gifts': () => gifts });
  const r = await card();
  expect(r.find(LoadingSpinner).props.label).toBe('Loading the gifts');
  await settled();
  expect(r.maybeFind(LoadingSpinner)).toBeNull();
});

test('it shows the gifts of its record', async () => {
  const requests = program({ 'GET gifts': () => gifts });
  const r = await card();
  await settled();
  expect(requests.map((q) => `${q.route} ${q.query}`)).toEqual(['gifts objectTypeId=0-1&objectId=101']);
  expect(r.findAll(StatisticsItem).map((s) => [s.props.label, s.props.number])).toEqual([
    ['Gifts sent', 2],
    ['Worth', '27.50 USD'],
  ]);
  const [held, coffee, book] = r.findAll(Tile);
  expect(textOf(held)).toContain('Waits for approval: the gift costs more');
  expect(coffee?.find(StatusTag).text).toBe('Delivered');
  expect(textOf(coffee)).toContain('From Ann Lee to Bea Smith');
  expect(textOf(coffee)).toContain('Sent Nov 20, 2026, 4:00 AM');
  expect(textOf(coffee)).toContain('Reminded Nov 23, 2026');
  expect(textOf(coffee)).toContain('Expires December 20, 2026 (20 days left)');
  expect(textOf(coffee)).toContain('Parcel: outForDelivery');
  expect(book?.find(Link).props.href).toBe('https://app.hubspot.com/contacts/62515/record/2-123/9000');
  expect(textOf(book)).not.toContain('Expires');
});

test('a status moves while the card is open', async () => {
  const [, coffee] = gifts.gifts as [Gift, Gift, Gift];
  let now: Gifts = { ...gifts, gifts: [coffee] };
  const requests = program({ 'GET gifts': () => now });
  const r = await card();
  await settled();
  now = { ...gifts, gifts: [{ ...coffee, status: 'opened' }] };
  await pass(29_999);
  expect(r.find(StatusTag).text).toBe('Delivered');
  await pass(1);
  expect(r.find(StatusTag).text).toBe('Opened');
  expect(requests).toHaveLength(2);
});

test('it looks sooner while a gift is being sent', async () => {
  const [held] = gifts.gifts as [Gift, Gift, Gift];
  const requests = program({ 'GET gifts': () => ({ ...gifts, gifts: [{ ...held, send: { id: 'x', state: 'sending' } }] }) });
  await card();
  await pass(15_000);
  expect(requests).toHaveLength(4);
});

test('a record without gifts says so and offers to send one', async () => {
  program({ 'GET gifts': () => ({ ...gifts, gifts: [], total: { count: 0, value: [] } }) });
  const r = await card();
  await settled();
  expect(r.find(EmptyState).props.title).toBe('No gifts yet');
  expect(r.find(Button).text).toBe('Send a Thnks');
});

test('a user who may not send sees why', async () => {
  const sender = { allowed: false, reason: 'no API key names ann@acme.example: ask your admin for one' };
  program({ 'GET gifts': () => ({ ...gifts, sender }) });
  const r = await card();
  await settled();
  expect(textOf(r.getRootNode())).toContain('You cannot send gifts from here: no API key names ann@acme.example');
  expect(r.findAll(Button).map((b) => b.text)).not.toContain('Send a Thnks');
});

test.each([
  [403, problem, 'Not connected', problem.message],
  [403, { code: 'not_allowed', message: 'You may not.' }, 'You may not do this', 'You may not.'],
  [401, { code: 'unauthorized', message: 'HubSpot did not sign.' }, 'Not accepted', 'HubSpot did not sign.'],
  [502, '<html>bad gateway</html>', 'Something went wrong', 'The Thnks service did not answer.'],
  [500, { error: 'x' }, 'Something went wrong', 'The Thnks service did not answer.'],
])('a refusal with status %i says what to do', async (status, body, title, message) => {
  let fails = true;
  program({
    'GET gifts': () => {
      if (fails) {
        throw new Refused(status, body);
      }
      return gifts;
    },
  });
  const r = await card();
  await settled();
  expect(r.find(ErrorState).props.title).toBe(title);
  expect(textOf(r.find(ErrorState))).toContain(message);
  fails = false;
  r.find(Button).trigger('onClick');
  await settled();
  expect(r.findAll(Tile)).toHaveLength(3);
});

test('what is not connected is not asked for again by itself, and a lost answer is', async () => {
  let refused = new Refused(403, problem);
  const requests = program({
    'GET gifts': () => {
      throw refused;
    },
  });
  const r = await card();
  await pass(600_000);
  expect(requests).toHaveLength(1);
  refused = new Refused(503, { code: 'later', message: 'Try again later.' });
  r.find(Button).trigger('onClick');
  await pass(60_000);
  expect(requests).toHaveLength(4);
});

test('gifts stay on the card while the program does not answer', async () => {
  let fails = false;
  program({
    'GET gifts': () => {
      if (fails) {
        throw new Error('no connection');
      }
      return gifts;
    },
  });
  const r = await card();
  await settled();
  fails = true;
  await pass(30_000);
  expect(r.find(Alert).props.title).toBe('This is not the newest state');
  expect(r.findAll(Tile)).toHaveLength(3);
  fails = false;
  await pass(30_000);
  expect(r.maybeFind(Alert)).toBeNull();
});

/** A card whose record can be changed, as HubSpot does when the user goes on to another one. */
function changing() {
  const r = createRenderer('crm.record.tab');
  r.mocks.context.variables = variables;
  let change: (record: { objectId: number } | undefined) => void = () => undefined;
  const Record = () => {
    const [record, setRecord] = useState<{ objectId: number } | undefined>({ objectId: 101 });
    change = setRecord;
    return record && <ThnksCard context={{ ...r.mocks.context, crm: { ...record, objectTypeId: '0-1' } }} />;
  };
  r.render(<Record />);
  return { r, show: (objectId: number | undefined) => change(objectId === undefined ? undefined : { objectId }) };
}

test('another record is asked for anew, and the same one is not', async () => {
  const requests = program({
    'GET gifts': (query) => {
      switch (query.get('objectId')) {
        case '101':
          return gifts;
        case '102':
          throw new Refused(403, problem);
      }
      return new Promise(() => undefined);
    },
  });
  const { r, show } = changing();
  await settled();
  show(101);
  await settled();
  expect(r.findAll(Tile)).toHaveLength(3);
  expect(requests).toHaveLength(1);
  show(103);
  await settled();
  expect(r.maybeFind(Tile)).toBeNull();
  expect(r.maybeFind(LoadingSpinner)).not.toBeNull();
  show(102);
  await settled();
  expect(requests).toHaveLength(3);
  expect(textOf(r.find(ErrorState))).toContain(problem.message);
});

test('a card that is gone asks no more', async () => {
  const requests = program({ 'GET gifts': () => gifts });
  const { show } = changing();
  await settled();
  show(undefined);
  await pass(600_000);
  expect(requests).toHaveLength(1);
});

test('an app without an address says so', async () => {
  const r = createRenderer('crm.record.tab');
  r.mocks.context.variables = {};
  r.render(<ThnksCard context={r.mocks.context} />);
  await settled();
  expect(textOf(r.find(ErrorState))).toContain('Upload it again with a profile that has PUBLIC_URL');
});

test('many gifts are shown a few at first', async () => {
  const [, coffee] = gifts.gifts as [Gift, Gift, Gift];
  program({ 'GET gifts': () => ({ ...gifts, older: 3, gifts: Array.from({ length: 8 }, (_, i) => ({ ...coffee, id: `T-${i}` })) }) });
  const r = await card();
  await settled();
  expect(r.findAll(Tile)).toHaveLength(5);
  r.find(Button, (b) => b.text === 'Show 3 more').trigger('onClick');
  await settled();
  expect(r.findAll(Tile)).toHaveLength(8);
  expect(textOf(r.getRootNode())).toContain('3 older gifts');
});

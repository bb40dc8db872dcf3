import { Alert, Button, DateInput, List, SearchInput, Select, TableRow, TextArea, TimeInput, ToggleGroup } from '@hubspot/ui-extensions';
import { createRenderer } from '@hubspot/ui-extensions/testing';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SendToContacts } from '../project/src/app/actions/SendToContacts.tsx';
import { ThnksCard } from '../project/src/app/cards/ThnksCard.tsx';
import { form, gifts, preview, sends } from '../project/src/app/packages/gifts/examples.ts';
import type { Form, Preview } from '../project/src/app/packages/gifts/wire.ts';
import { program, Refused, variables } from './program.ts';
import { pass, settled } from './settled.ts';
import { textOf } from './text.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** The bulk action on these contacts. */
async function bulk(...objectIds: number[]) {
  const r = createRenderer('crm.bulkActions');
  r.mocks.context.variables = variables;
  r.mocks.context.portal.timezone = 'America/New_York';
  r.mocks.context.crm = { objectIds, objectTypeId: '0-1' };
  r.render(<SendToContacts context={r.mocks.context} actions={r.mocks.actions} />);
  await settled();
  return r;
}

/** The form on the card of a deal. */
async function dealCard() {
  const r = createRenderer('crm.record.tab');
  r.mocks.context.variables = variables;
  r.mocks.context.portal.timezone = 'America/New_York';
  r.mocks.context.crm = { objectId: 501, objectTypeId: '0-3' };
  r.render(<ThnksCard context={r.mocks.context} />);
  await settled();
  press(r, 'Send a Thnks');
  await settled();
  return r;
}

type Rendered = Awaited<ReturnType<typeof bulk>> | Awaited<ReturnType<typeof dealCard>>;

const button = (r: Rendered, text: string) => r.find(Button, (b) => textOf(b) === text);
const press = (r: Rendered, text: string) => button(r, text).trigger('onClick');
const group = (r: Rendered, name: string) => r.find(ToggleGroup, { name });

// The type of a group's event depends on its kind, which the query cannot know.
const choose = (r: Rendered, name: string, value: string | string[]) =>
  (group(r, name).props.onChange as (value: string | string[]) => void)(value);

const write = (r: Rendered, message: string) => r.find(TextArea).props.onInput?.(message);

test('a gift is written, previewed with cost and guards, and sent', async () => {
  const requests = program({
    'GET gifts': () => gifts,
    'GET form': () => form,
    'POST preview': () => preview,
    'POST send': () => ({ ...sends, open: 0 }),
  });
  const r = await dealCard();
  expect(textOf(r.getRootNode())).toContain('Left in November 2026: 92.50 of 100.00 USD of your budget, 465.00 of 500.00 USD of the account');
  expect(group(r, 'contacts').props.options.map((o) => [o.label, o.readonly])).toEqual([
    ['Bea Smith, bea@beta.example', false],
    ['Cyd Jones', true],
  ]);
  expect(group(r, 'contacts').props.value).toEqual(['101']);
  expect(button(r, 'Preview').props.disabled).toBe(true);

  choose(r, 'gift', '5659');
  await settled();
  r.find(Select).props.onChange?.('Thank you, {first_name}!');
  await settled();
  expect(r.find(TextArea).props.value).toBe('Thank you, {first_name}!');
  expect(button(r, 'Preview').props.disabled).toBe(false);
  press(r, 'Preview');
  await settled();
  const rows = r.findAll(TableRow).map(textOf);
  expect(rows[1]).toBe('Bea Smith, bea@beta.example Thank you, Bea! Gets the gift');
  expect(rows[2]).toContain('Gets nothing: the contact has no e-mail address');
  expect(rows[3]).toContain("Gets nothing: the recipient's address or domain is in sending.do_not_gift");
  expect(textOf(r.getRootNode())).toContain('1 gift, 7.50 USD');
  expect(requests.filter((q) => q.route === 'send')).toEqual([]);

  press(r, 'Send 1 gift');
  await settled();
  expect(textOf(r.find(List))).toBe(
    'Bea Smith: Scheduled for Dec 24, 2026, 9:00 AM ' +
      'Cyd Jones: Not sent: the contact has no e-mail address in HubSpot: add one to send a gift ' +
      "Dee Brown: Not sent: the recipient's address or domain is in sending.do_not_gift",
  );
  const draft = { gift: 5659, message: 'Thank you, {first_name}!', contacts: ['101'], record: { type: 'deal', id: '501' } };
  expect(requests.filter((q) => q.body.gift).map((q) => q.body)).toEqual([draft, { ...draft, request: preview.request }]);

  press(r, 'Done');
  await settled();
  expect(requests.filter((q) => q.route === 'gifts')).toHaveLength(2);
});

test('a gift is scheduled in the zone of the account', async () => {
  const requests = program({ 'GET gifts': () => gifts, 'GET form': () => form, 'POST preview': () => preview });
  const r = await dealCard();
  choose(r, 'gift', '5659');
  await settled();
  choose(r, 'when', 'later');
  await settled();
  write(r, 'Merry Christmas!');
  await settled();
  expect(button(r, 'Preview').props.disabled).toBe(true);
  expect(r.find(TimeInput).props.description).toBe('In America/New_York');
  r.find(DateInput).props.onChange?.({ year: 2026, month: 11, date: 24 });
  await settled();
  r.find(TimeInput).props.onChange?.({ hours: 9, minutes: 5 });
  await settled();
  press(r, 'Preview');
  await settled();
  expect(requests.at(-1)?.body.at).toBe('2026-12-24 09:05');
});

test('a lost answer to sending is repeated under the same request id', async () => {
  let lost = true;
  const requests = program({
    'GET form': () => form,
    'POST preview': () => preview,
    'POST send': () => {
      if (lost) {
        throw new Error('no answer');
      }
      return { ...sends, open: 0 };
    },
  });
  const r = await bulk(101, 102, 103);
  choose(r, 'gift', '5659');
  await settled();
  write(r, 'Thanks!');
  await settled();
  press(r, 'Preview');
  await settled();
  press(r, 'Send 1 gift');
  await settled();
  expect(r.find(Alert).props.title).toBe('It is not known whether it was sent');
  expect(textOf(r.find(Alert))).toContain('To press Send again is safe');
  expect(button(r, 'Change it').props.disabled).toBe(true);
  lost = false;
  press(r, 'Send 1 gift');
  await settled();
  expect(requests.filter((q) => q.route === 'send').map((q) => q.body.request)).toEqual([preview.request, preview.request]);
  expect(r.find(List)).toBeTruthy();
});

test('a gift that was surely not sent can be changed', async () => {
  program({
    'GET form': () => form,
    'POST preview': () => preview,
    'POST send': () => {
      throw new Refused(503, { code: 'later', message: 'The state file is locked: try again in a minute.' });
    },
  });
  const r = await bulk(101, 102, 103);
  choose(r, 'gift', '5659');
  await settled();
  write(r, 'Thanks!');
  await settled();
  press(r, 'Preview');
  await settled();
  press(r, 'Send 1 gift');
  await settled();
  expect(r.find(Alert).props.title).toBe('Nothing was sent');
  expect(textOf(r.find(Alert))).toBe('The state file is locked: try again in a minute.');
  press(r, 'Change it');
  await settled();
  expect(r.maybeFind(Alert)).toBeNull();
  expect(r.find(TextArea).props.value).toBe('Thanks!');
});

test('how sends go on is asked for until it is over', async () => {
  let open = 1;
  const requests = program({
    'GET form': () => form,
    'POST preview': () => preview,
    'POST send': () => sends,
    'GET sends': () => ({ ...sends, open, sends: [{ id: 'x', contact: '101', state: open ? 'sending' : 'sent' }] }),
  });
  const r = await bulk(101, 102, 103);
  choose(r, 'gift', '5659');
  await settled();
  write(r, 'Thanks!');
  await settled();
  press(r, 'Preview');
  await settled();
  press(r, 'Send 1 gift');
  await settled();
  expect(textOf(r.find(List))).toBe('Bea Smith: Being sent');
  open = 0;
  await pass(60_000);
  expect(textOf(r.find(List))).toBe('Bea Smith: Sent');
  const asked = requests.filter((q) => q.route === 'sends').map((q) => String(q.query));
  expect(asked).toEqual(Array(2).fill(`request=${preview.request}&contact=101&contact=102&contact=103`));
});

test('the preview offers nothing to send where every gift is stopped', async () => {
  const none: Preview = { ...preview, sends: 0, cost: { amount: '0.00', currency: 'USD' } };
  program({ 'GET form': () => form, 'POST preview': () => none });
  const r = await bulk(102, 103);
  choose(r, 'gift', '5659');
  await settled();
  write(r, 'Thanks!');
  await settled();
  press(r, 'Preview');
  await settled();
  expect(button(r, 'Send 0 gifts').props.disabled).toBe(true);
  press(r, 'Change it');
  await settled();
  expect(r.find(TextArea).props.value).toBe('Thanks!');
});

test('gifts that wait for approval are counted apart', async () => {
  const held: Preview = {
    ...preview,
    sends: 0,
    held: 1,
    recipients: [{ contact: '101', name: 'Bea Smith', message: 'x', guard: 'approve_above', reason: 'a person must approve it', held: true }],
  };
  program({ 'GET form': () => form, 'POST preview': () => held });
  const r = await bulk(101);
  choose(r, 'gift', '5659');
  await settled();
  write(r, 'Thanks!');
  await settled();
  press(r, 'Preview');
  await settled();
  expect(textOf(r.getRootNode())).toContain('Waits: a person must approve it');
  expect(textOf(r.getRootNode())).toContain('1 gift, 7.50 USD, of which 1 waits for approval');
  expect(button(r, 'Send 1 gift').props.disabled).toBe(false);
});

test('a preview that is refused says why', async () => {
  program({
    'GET form': () => form,
    'POST preview': () => {
      throw new Refused(400, { code: 'bad_request', message: 'The message has an unknown variable {nick}: use {first_name}.' });
    },
  });
  const r = await bulk(101);
  choose(r, 'gift', '5659');
  await settled();
  write(r, 'Hi {nick}');
  await settled();
  press(r, 'Preview');
  await settled();
  expect(textOf(r.find(Alert))).toBe('The message has an unknown variable {nick}: use {first_name}.');
});

test('a long catalogue is searched', async () => {
  const catalogue = Array.from({ length: 30 }, (_, i) => ({ gift: i + 1, name: `Gift number ${i + 1}`, price: { amount: '5.00', currency: 'USD' } }));
  const long: Form = { ...form, catalogue };
  program({ 'GET form': () => long });
  const r = await bulk(101);
  expect(group(r, 'gift').props.options).toHaveLength(10);
  expect(textOf(r.getRootNode())).toContain('20 more');
  r.find(SearchInput).props.onChange?.('NUMBER 17');
  await settled();
  expect(group(r, 'gift').props.options).toEqual([{ value: '17', label: 'Gift number 17, 5.00 USD' }]);
  r.find(SearchInput).props.onChange?.('cake');
  await settled();
  expect(textOf(r.getRootNode())).toContain('has no such gift');
});

test('test mode and a user who may not send are said at once', async () => {
  let now: Form = { ...form, test_mode: true };
  program({ 'GET form': () => now });
  expect(textOf((await bulk(101)).find(Alert))).toBe('Everything is tried, and nothing is sent.');
  now = { ...form, sender: { allowed: false, reason: 'ask your admin' } };
  const r = await bulk(101);
  expect(textOf(r.find(Alert))).toBe('ask your admin');
  expect(r.maybeFind(TextArea)).toBeNull();
});

test('a gift to a contact names no other record', async () => {
  const requests = program({ 'GET form': () => ({ ...form, record: { type: 'contact', id: '101' } }), 'POST preview': () => preview });
  const r = await bulk(101);
  choose(r, 'gift', '5659');
  await settled();
  write(r, 'Thanks!');
  await settled();
  press(r, 'Preview');
  await settled();
  expect(requests.map((q) => `${q.route} ${q.query}`)).toEqual(['form objectTypeId=0-1&objectId=101', 'preview ']);
  expect(requests.at(-1)?.body).toEqual({ gift: 5659, message: 'Thanks!', contacts: ['101'] });
});

test('each contact is sent one gift, and too many are none', async () => {
  const requests = program({ 'GET form': () => form, 'POST preview': () => preview });
  const r = await bulk(101, 102, 101);
  choose(r, 'gift', '5659');
  await settled();
  write(r, 'Thanks!');
  await settled();
  press(r, 'Preview');
  await settled();
  expect(requests.at(-1)?.body).toEqual({ gift: 5659, message: 'Thanks!', contacts: ['101', '102'], record: form.record });
  const many = await bulk(...Array.from({ length: 51 }, (_, i) => i + 1));
  expect(textOf(many.find(Alert))).toContain('51 contacts are selected, and one sending takes 50 at most. Nothing was sent');
  expect(textOf((await bulk()).getRootNode())).toContain('No contact is selected');
});

import { expect, test } from 'vitest';
import { backendOf } from '../project/src/app/packages/gifts/backend.ts';
import { at } from '../project/src/app/packages/gifts/when.ts';
import { budget, count, daysLeft, money, moment, sendState, status } from '../project/src/app/packages/gifts/words.ts';
import { program, variables } from './program.ts';

test('what is asked for is escaped', async () => {
  const requests = program({ 'GET gifts': () => ({}) });
  await backendOf(variables.PUBLIC_URL).get('gifts', [['objectId', '1&x=2 é']]);
  expect(requests[0]?.query.get('objectId')).toBe('1&x=2 é');
});

test('numbers stand with their nouns', () => {
  expect([0, 1, 2].map((n) => count(n, 'gift'))).toEqual(['0 gifts', '1 gift', '2 gifts']);
  expect([-2, -1, 0, 1, 2].map(daysLeft)).toEqual(['2 days ago', '1 day ago', 'today', '1 day left', '2 days left']);
  expect(money({ amount: '7.50', currency: 'USD' })).toBe('7.50 USD');
  expect(money({ amount: '7', currency: 'XXX' })).toBe('7 without a currency');
  const left = { limit: '100.00', spent: '7.50', left: '92.50' };
  expect(budget({ currency: 'EUR', month: '2026-01', sender: left, portal: { ...left, left: '-1.00' } })).toBe(
    "Left in January 2026: 92.50 of 100.00 EUR of your budget, -1.00 of 100.00 EUR of the account's.",
  );
});

test('times are written as the program reads them', () => {
  expect(at({ year: 2026, month: 0, date: 2 }, { hours: 3, minutes: 4 })).toBe('2026-01-02 03:04');
  expect(at({ year: 2026, month: 11, date: 31 }, { hours: 23, minutes: 59 })).toBe('2026-12-31 23:59');
});

test('each status and each moment has a word', () => {
  const all = ['scheduled', 'sent', 'delivered', 'opened', 'redeemed', 'refunded', 'expired', 'undelivered', 'donated'];
  const words = all.map((name) => status(name).word);
  expect(new Set(words).size).toBe(all.length);
  expect(words).not.toContain('Unknown');
  expect(status('unwrapped').word).toBe('Unknown');
  expect(['sent', 'reminder', 'expiration', 'resend'].map(moment)).toEqual(['Sent', 'Reminded', 'Reminded that it expires', 'Sent again']);
});

test('each state of a send says what becomes of it', () => {
  const say = (state: string, more = {}) => sendState({ id: 'x', state, ...more }, 'Europe/London');
  expect(say('held', { reason: 'it costs too much' })).toBe('Waits for approval: it costs too much');
  expect(say('scheduled')).toBe('Being sent');
  expect(say('scheduled', { at: '2026-12-24T09:00:00Z' })).toMatch(/^Scheduled for Dec 24, 2026, 9:00\sAM$/);
  expect(say('sending')).toBe('Being sent');
  expect(say('sent')).toBe('Sent');
  expect(say('unknown')).toContain('do not send it again');
  expect(say('cancelled')).toBe('Cancelled');
  expect(['refused', 'not_sent', 'no_address'].map((s) => say(s, { reason: 'why' }))).toEqual(Array(3).fill('Not sent: why'));
});

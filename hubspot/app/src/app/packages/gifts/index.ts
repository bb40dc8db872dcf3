export { backendOf, mostContacts, problemOf, type Backend } from './backend.ts';
export { ProblemNotice } from './ProblemNotice.tsx';
export { SendGift } from './SendGift.tsx';
export { useAnswer, type Answer } from './useAnswer.ts';
export type * from './wire.ts';
export * from './words.ts';

import { Alert, Button, Flex, Heading, List, Text } from '@hubspot/ui-extensions';
import { useCallback } from 'react';
import type { Backend } from './backend.ts';
import { useAnswer } from './useAnswer.ts';
import type { Recipient, Sends } from './wire.ts';
import { sendState } from './words.ts';

interface Props {
  backend: Backend;
  /** The answer to sending. */
  sent: Sends;
  recipients: Recipient[];
  timeZone: string;
  onDone: () => void;
}

/** How long to wait before the next look at sends that are under way, in milliseconds. */
const pause = 3_000;

/** Shows how each send stands, until nothing more is to happen. */
export function SentStep({ backend, sent, recipients, timeZone, onDone }: Props) {
  const ask = useCallback(
    () =>
      sent.open === 0
        ? Promise.resolve(sent)
        : backend.get<Sends>('sends', [
            ['request', sent.request],
            ...sent.sends.flatMap((s): [string, string][] => (s.contact ? [['contact', s.contact]] : [])),
          ]),
    [backend, sent],
  );
  const newer = useAnswer(ask, (sends) => (sends.open > 0 ? pause : undefined));
  const { sends } = newer.value ?? sent;
  const name = (contact: string | undefined) => {
    const r = recipients.find((one) => one.contact === contact);
    return r?.name || r?.email || `Contact ${contact ?? ''}`;
  };
  return (
    <Flex direction="column" gap="medium">
      <Heading>What was sent</Heading>
      <List>
        {sends.map((s) => (
          <Text key={s.id}>
            {name(s.contact)}: {sendState(s, timeZone)}
          </Text>
        ))}
      </List>
      {newer.problem && (
        <Alert title="This may have moved on" variant="warning">
          {newer.problem.message}
        </Alert>
      )}
      <Button onClick={onDone}>Done</Button>
    </Flex>
  );
}

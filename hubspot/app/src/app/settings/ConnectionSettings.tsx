import { Button, Flex, Heading, hubspot, LoadingSpinner, type SettingsContext, StatusTag, Text, Tile } from '@hubspot/ui-extensions';
import { backendOf, type Part, ProblemNotice, type Settings, time, useAnswer } from '@thnks/gifts';
import { useCallback, useMemo } from 'react';

const names: Record<string, string> = {
  access: 'Access to HubSpot',
  scopes: 'Scopes',
  sync: 'Sync',
  webhooks: 'Webhooks of Thnks',
  sending: 'Sending',
  senders: 'Who may send',
};

const states: Record<Part['state'], { word: string; variant: 'success' | 'warning' | 'danger' }> = {
  connected: { word: 'Connected', variant: 'success' },
  missing: { word: 'Missing', variant: 'warning' },
  broken: { word: 'Broken', variant: 'danger' },
};

/** What is connected, and what is missing. It is changed where the program runs. */
export function ConnectionSettings({ context }: { context: SettingsContext }) {
  const address = context.variables?.PUBLIC_URL;
  const backend = useMemo(() => backendOf(address), [address]);
  const ask = useCallback(() => backend.get<Settings>('settings'), [backend]);
  const answer = useAnswer(ask, () => undefined);
  if (answer.problem) {
    return <ProblemNotice problem={answer.problem} retry={answer.reload} />;
  }
  if (!answer.value) {
    return <LoadingSpinner label="Looking at the connection" showLabel layout="centered" />;
  }
  const { portal, account, last_sync, parts } = answer.value;
  return (
    <Flex direction="column" gap="medium">
      <Heading>Thnks gifts in this account</Heading>
      <Text>
        HubSpot account {account} is the portal {portal} of the Thnks service.{' '}
        {last_sync ? `Last synced ${time(last_sync, context.portal.timezone)}.` : 'No sync has finished yet.'}
      </Text>
      {parts.map((part) => (
        <Tile key={part.name} compact>
          <Flex justify="between" align="center">
            <Text format={{ fontWeight: 'bold' }}>{names[part.name] ?? part.name}</Text>
            <StatusTag variant={states[part.state].variant}>{states[part.state].word}</StatusTag>
          </Flex>
          <Text>{part.what}</Text>
          {part.remedy && <Text>What to do: {part.remedy}</Text>}
        </Tile>
      ))}
      <Text variant="microcopy">Settings are changed where the service runs, not here: tell the person who runs it.</Text>
      <Button onClick={answer.reload}>Look again</Button>
    </Flex>
  );
}

hubspot.extend<'settings'>(({ context }) => <ConnectionSettings context={context} />);

import { Button, ErrorState, Text } from '@hubspot/ui-extensions';
import type { Problem } from './wire.ts';

const titles: Record<string, string> = {
  not_connected: 'Not connected',
  not_allowed: 'You may not do this',
  unauthorized: 'Not accepted',
};

/** Says why there is nothing to see, and what to do. */
export function ProblemNotice({ problem, retry }: { problem: Problem; retry: () => void }) {
  const title = titles[problem.code];
  return (
    <ErrorState title={title ?? 'Something went wrong'} type={title ? 'lock' : 'error'}>
      <Text>{problem.message}</Text>
      <Button onClick={retry}>Try again</Button>
    </ErrorState>
  );
}

import {
  Alert,
  Button,
  type CrmContext,
  EmptyState,
  Flex,
  hubspot,
  LoadingSpinner,
  Statistics,
  StatisticsItem,
  Text,
} from '@hubspot/ui-extensions';
import { backendOf, count, type Gift, type Gifts, money, ProblemNotice, SendGift, useAnswer } from '@thnks/gifts';
import { useCallback, useMemo, useState } from 'react';
import { GiftTile } from './GiftTile.tsx';

/** How many gifts are shown until the user asks for more. */
const first = 5;

/** When the card asks again, in milliseconds: while a gift is being sent, and otherwise. */
const soon = 5_000;
const later = 30_000;

const underWay = ({ send }: Gift): boolean => send?.state === 'sending' || (send?.state === 'scheduled' && !send.at);

/** The gifts of a contact, company or deal. */
export function ThnksCard({ context }: { context: CrmContext }) {
  const address = context.variables?.PUBLIC_URL;
  const backend = useMemo(() => backendOf(address), [address]);
  const objectTypeId = context.crm.objectTypeId;
  const objectId = String(context.crm.objectId);
  const ask = useCallback(
    () => backend.get<Gifts>('gifts', [['objectTypeId', objectTypeId], ['objectId', objectId]]),
    [backend, objectTypeId, objectId],
  );
  const answer = useAnswer(ask, ({ gifts }) => (gifts.some(underWay) ? soon : later));
  const [writing, setWriting] = useState(false);

  if (!answer.value) {
    return answer.problem ? (
      <ProblemNotice problem={answer.problem} retry={answer.reload} />
    ) : (
      <LoadingSpinner label="Loading the gifts" showLabel layout="centered" />
    );
  }
  const done = () => {
    setWriting(false);
    answer.reload();
  };
  return (
    <Flex direction="column" gap="medium">
      {answer.problem && (
        <Alert title="This is not the newest state" variant="warning">
          {answer.problem.message}
        </Alert>
      )}
      {writing ? (
        <>
          <SendGift
            backend={backend}
            objectTypeId={objectTypeId}
            objectId={objectId}
            timeZone={context.portal.timezone}
            onDone={done}
          />
          <Button variant="transparent" onClick={done}>
            Back to the gifts
          </Button>
        </>
      ) : (
        <Overview gifts={answer.value} timeZone={context.portal.timezone} onWrite={() => setWriting(true)} />
      )}
    </Flex>
  );
}

function Overview({ gifts: { gifts, older, total, sender }, timeZone, onWrite }: { gifts: Gifts; timeZone: string; onWrite: () => void }) {
  const [all, setAll] = useState(false);
  const write = sender.allowed ? (
    <Button variant="primary" onClick={onWrite}>
      Send a Thnks
    </Button>
  ) : (
    <Text variant="microcopy">You cannot send gifts from here: {sender.reason}</Text>
  );
  if (gifts.length === 0) {
    return (
      <EmptyState title="No gifts yet" layout="vertical" imageName="object">
        <Text>Gifts that are sent to this record with Thnks appear here.</Text>
        {write}
      </EmptyState>
    );
  }
  const shown = all ? gifts : gifts.slice(0, first);
  return (
    <>
      <Statistics>
        <StatisticsItem label="Gifts sent" number={total.count} />
        {total.value.map((value) => (
          <StatisticsItem key={value.currency} label="Worth" number={money(value)} />
        ))}
      </Statistics>
      {write}
      {shown.map((gift) => (
        <GiftTile key={gift.id} gift={gift} timeZone={timeZone} />
      ))}
      {gifts.length > shown.length && (
        <Button variant="transparent" onClick={() => setAll(true)}>
          Show {gifts.length - shown.length} more
        </Button>
      )}
      {all && older > 0 && <Text variant="microcopy">{count(older, 'older gift')}: look under the records of this object.</Text>}
    </>
  );
}

hubspot.extend<'crm.record.tab'>(({ context }) => <ThnksCard context={context} />);

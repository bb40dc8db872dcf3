import {
  BarChart,
  EmptyState,
  Flex,
  Heading,
  LoadingSpinner,
  type PagesContext,
  Statistics,
  StatisticsItem,
  Table,
  TableBody,
  TableCell,
  TableHead,
  TableHeader,
  TableRow,
  Text,
} from '@hubspot/ui-extensions';
import { backendOf, count, money, ProblemNotice, type Statistics as Numbers, status, time, useAnswer } from '@thnks/gifts';
import { useCallback, useMemo } from 'react';

/** When the page asks again, in milliseconds. */
const minute = 60_000;

/** How many months the chart shows. */
const months = 12;

/** The portal's statistics. */
export function GiftStatistics({ context }: { context: PagesContext }) {
  const address = context.variables?.PUBLIC_URL;
  const backend = useMemo(() => backendOf(address), [address]);
  const ask = useCallback(() => backend.get<Numbers>('statistics'), [backend]);
  const answer = useAnswer(ask, () => minute);
  if (!answer.value) {
    return answer.problem ? (
      <ProblemNotice problem={answer.problem} retry={answer.reload} />
    ) : (
      <LoadingSpinner label="Loading the statistics" showLabel layout="centered" />
    );
  }
  const numbers = answer.value;
  if (numbers.total_sent === 0) {
    return (
      <EmptyState title="No gifts yet" layout="vertical" imageName="emptyStateCharts">
        <Text>The numbers appear here once gifts have been sent with Thnks and synced.</Text>
      </EmptyState>
    );
  }
  return (
    <Flex direction="column" gap="large">
      <Statistics>
        <StatisticsItem label="Gifts sent" number={numbers.total_sent} />
        {Object.entries(numbers.total_value).map(([currency, amount]) => (
          <StatisticsItem key={currency} label="Worth" number={money({ amount, currency })} />
        ))}
        <StatisticsItem label="Redeemed" number={percent(numbers.redemption_rate)}>
          <Text variant="microcopy">
            {numbers.redeemed} of {numbers.eligible} that arrived
          </Text>
        </StatisticsItem>
      </Statistics>
      <ByMonth months={numbers.by_month} />
      <Counts title="Gifts by status" of="Status" rows={byStatus(numbers.by_status)} />
      <Counts title="Most sent" of="Gift" rows={numbers.top_types.map(({ name, count }) => [name, count])} />
      <Counts title="Who sends most" of="Sender" rows={numbers.top_senders.map(({ name, count }) => [name, count])} />
      <Text variant="microcopy">
        {count(sum(numbers.orphans), 'gift')} without a contact in HubSpot.{' '}
        {numbers.last_sync ? `Last synced ${time(numbers.last_sync, context.portal.timezone)}.` : 'No sync has finished yet.'}
      </Text>
    </Flex>
  );
}

const percent = (rate: number | null): string => (rate === null ? 'not known yet' : `${Math.round(rate * 100)} %`);

const sum = (counts: Partial<Record<string, number>>): number => Object.values(counts).reduce<number>((all, n) => all + (n ?? 0), 0);

const byStatus = (counts: Numbers['by_status']): [string, number][] =>
  Object.entries(counts).flatMap(([name, n]): [string, number][] => (n ? [[status(name).word, n]] : []));

function ByMonth({ months: counts }: { months: Numbers['by_month'] }) {
  const data = Object.entries(counts)
    .sort(([a], [b]) => a.localeCompare(b))
    .slice(-months)
    .map(([month, sent]) => ({ month, sent: sent ?? 0 }));
  return (
    <BarChart
      data={data}
      axes={{ x: { field: 'month', fieldType: 'category', label: 'Month' }, y: { field: 'sent', fieldType: 'linear', label: 'Gifts sent' } }}
      options={{ title: 'Gifts sent by month', showDataLabels: true }}
    />
  );
}

function Counts({ title, of, rows }: { title: string; of: string; rows: [string, number][] }) {
  return (
    <>
      <Heading>{title}</Heading>
      <Table density="condensed">
        <TableHead>
          <TableRow>
            <TableHeader>{of}</TableHeader>
            <TableHeader align="right">Gifts</TableHeader>
          </TableRow>
        </TableHead>
        <TableBody>
          {rows.map(([name, n]) => (
            <TableRow key={name}>
              <TableCell>{name}</TableCell>
              <TableCell align="right">{n}</TableCell>
            </TableRow>
          ))}
        </TableBody>
      </Table>
    </>
  );
}

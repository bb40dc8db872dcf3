import { Flex, Link, List, StatusTag, Text, Tile } from '@hubspot/ui-extensions';
import { day, daysLeft, type Gift, moment, money, sendState, status, time } from '@thnks/gifts';

/** One gift: what it is, how it stands, and how it came there. */
export function GiftTile({ gift, timeZone }: { gift: Gift; timeZone: string }) {
  const { word, variant } = status(gift.status);
  return (
    <Tile compact>
      <Flex justify="between" align="center">
        {gift.url ? <Link href={gift.url}>{gift.name}</Link> : <Text format={{ fontWeight: 'bold' }}>{gift.name}</Text>}
        <StatusTag variant={variant}>{word}</StatusTag>
      </Flex>
      <Text>
        {gift.amount && `${money(gift.amount)} · `}From {gift.sender} to {gift.recipient}
      </Text>
      {gift.send && <Text>{sendState(gift.send, timeZone)}</Text>}
      {gift.timeline.length > 0 && (
        <List variant="unordered-styled">
          {gift.timeline.map(({ kind, at }) => (
            <Text key={kind + at}>
              {moment(kind)} {time(at, timeZone)}
            </Text>
          ))}
        </List>
      )}
      {gift.parcel && (
        <Text>
          Parcel: {gift.parcel}
          {gift.parcel_at && `, ${time(gift.parcel_at, timeZone)}`}
        </Text>
      )}
      {gift.expires && gift.days_left !== undefined && (
        <Text>
          {gift.days_left < 0 ? 'Expired' : 'Expires'} {day(gift.expires)} ({daysLeft(gift.days_left)})
        </Text>
      )}
    </Tile>
  );
}

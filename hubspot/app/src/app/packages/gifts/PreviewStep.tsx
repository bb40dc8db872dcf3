import { Alert, Button, ButtonRow, Flex, Heading, Table, TableBody, TableCell, TableHead, TableHeader, TableRow, Text } from '@hubspot/ui-extensions';
import type { Preview, Previewed } from './wire.ts';
import { budget, count, money } from './words.ts';

interface Props {
  preview: Preview;
  sending: boolean;
  /** The gift may have been sent already. */
  unsure: boolean;
  onBack: () => void;
  onSend: () => void;
}

/** Shows what each recipient would get, what it costs, and what stops it. */
export function PreviewStep({ preview, sending, unsure, onBack, onSend }: Props) {
  const gifts = preview.sends + preview.held;
  return (
    <Flex direction="column" gap="medium">
      <Heading>Preview</Heading>
      <Table bordered>
        <TableHead>
          <TableRow>
            <TableHeader>Recipient</TableHeader>
            <TableHeader>Message</TableHeader>
            <TableHeader>What happens</TableHeader>
          </TableRow>
        </TableHead>
        <TableBody>
          {preview.recipients.map((r) => (
            <TableRow key={r.contact}>
              <TableCell>{[r.name, r.email].filter(Boolean).join(', ') || `Contact ${r.contact}`}</TableCell>
              <TableCell>{r.message ?? ''}</TableCell>
              <TableCell>{outcome(r)}</TableCell>
            </TableRow>
          ))}
        </TableBody>
      </Table>
      <Text format={{ fontWeight: 'bold' }}>
        {count(gifts, 'gift')}, {money(preview.cost)}
        {preview.held > 0 && `, of which ${preview.held} wait${preview.held === 1 ? 's' : ''} for approval`}
      </Text>
      <Text>{budget(preview.budget)}</Text>
      {preview.test_mode && (
        <Alert title="Test mode" variant="info">
          Everything is tried, and nothing is sent.
        </Alert>
      )}
      <ButtonRow>
        <Button variant="primary" disabled={sending || gifts === 0} onClick={onSend}>
          {sending ? 'Sending' : `Send ${count(gifts, 'gift')}`}
        </Button>
        <Button disabled={sending || unsure} onClick={onBack}>
          Change it
        </Button>
      </ButtonRow>
    </Flex>
  );
}

function outcome(r: Previewed): string {
  if (r.problem) {
    return `Gets nothing: ${r.problem}`;
  }
  if (r.held) {
    return `Waits: ${r.reason}`;
  }
  return r.guard ? `Gets nothing: ${r.reason}` : 'Gets the gift';
}

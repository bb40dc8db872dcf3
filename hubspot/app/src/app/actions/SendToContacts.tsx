import { Alert, type BulkActionsContext, type ExtensionPointApiActions, Flex, hubspot, Text } from '@hubspot/ui-extensions';
import { backendOf, mostContacts, SendGift } from '@thnks/gifts';
import { useMemo, useState } from 'react';

interface Props {
  context: BulkActionsContext;
  actions: Pick<ExtensionPointApiActions<'crm.bulkActions'>, 'addAlert'>;
}

/** Sends one gift to each of the selected contacts. */
export function SendToContacts({ context, actions }: Props) {
  const address = context.variables?.PUBLIC_URL;
  const backend = useMemo(() => backendOf(address), [address]);
  const contacts = [...new Set(context.crm.objectIds.map(String))];
  const [done, setDone] = useState(false);
  const [one] = contacts;
  if (one === undefined) {
    return <Text>No contact is selected. Select some in the list, then choose this action again.</Text>;
  }
  if (contacts.length > mostContacts) {
    return (
      <Alert title="Too many contacts" variant="warning">
        {contacts.length} contacts are selected, and one sending takes {mostContacts} at most. Nothing was sent: select fewer.
      </Alert>
    );
  }
  if (done) {
    return <Text>Done. The card on each contact shows how its gift goes on.</Text>;
  }
  return (
    <Flex direction="column" gap="medium">
      <SendGift
        backend={backend}
        objectTypeId={context.crm.objectTypeId}
        objectId={one}
        contacts={contacts}
        timeZone={context.portal.timezone}
        onDone={() => {
          setDone(true);
          actions.addAlert({ type: 'info', message: 'The card on each contact shows how its gift goes on.' });
        }}
      />
    </Flex>
  );
}

hubspot.extend<'crm.bulkActions'>(({ context, actions }) => <SendToContacts context={context} actions={actions} />);

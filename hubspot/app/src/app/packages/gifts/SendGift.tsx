import { Alert, Button, LoadingSpinner, Text } from '@hubspot/ui-extensions';
import { useCallback, useState } from 'react';
import { problemOf, type Backend, unreachable } from './backend.ts';
import { PreviewStep } from './PreviewStep.tsx';
import { ProblemNotice } from './ProblemNotice.tsx';
import { SentStep } from './SentStep.tsx';
import { useAnswer } from './useAnswer.ts';
import type { Draft, Form, Preview, Problem, Sends } from './wire.ts';
import { firstDraft, type Written, WriteStep } from './WriteStep.tsx';

interface Props {
  backend: Backend;
  /** The record whose recipients, catalogue and budget are offered. */
  objectTypeId: string;
  objectId: string;
  /** Contacts that are already chosen; otherwise the user chooses among the record's. */
  contacts?: string[];
  timeZone: string;
  onDone: () => void;
}

/** Writes a gift, shows what sending it would do, and sends it. */
export function SendGift({ backend, objectTypeId, objectId, contacts, timeZone, onDone }: Props) {
  const ask = useCallback(
    () => backend.get<Form>('form', [['objectTypeId', objectTypeId], ['objectId', objectId]]),
    [backend, objectTypeId, objectId],
  );
  const form = useAnswer(ask, () => undefined);
  if (form.problem) {
    return <ProblemNotice problem={form.problem} retry={form.reload} />;
  }
  if (!form.value) {
    return <LoadingSpinner label="Loading the catalogue" showLabel />;
  }
  if (!form.value.sender.allowed) {
    return (
      <Alert title="You cannot send gifts from here" variant="warning">
        {form.value.sender.reason}
      </Alert>
    );
  }
  return <Steps backend={backend} form={form.value} contacts={contacts} timeZone={timeZone} onDone={onDone} />;
}

interface StepsProps {
  backend: Backend;
  form: Form;
  contacts: string[] | undefined;
  timeZone: string;
  onDone: () => void;
}

function Steps({ backend, form, contacts, timeZone, onDone }: StepsProps) {
  const [written, setWritten] = useState<Written>(() => firstDraft(form, contacts));
  const [preview, setPreview] = useState<Preview>();
  const [sent, setSent] = useState<Sends>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);

  const attempt = async <T,>(route: string, body: Draft, keep: (answer: T) => void) => {
    setBusy(true);
    setProblem(undefined);
    try {
      keep(await backend.post<T>(route, body));
    } catch (error) {
      setProblem(problemOf(error));
    }
    setBusy(false);
  };
  const draft = (): Draft => ({
    gift: Number(written.gift),
    message: written.message,
    ...(written.later && { at: written.at }),
    contacts: written.contacts,
    ...(form.record.type !== 'contact' && { record: form.record }),
  });

  if (sent) {
    return <SentStep backend={backend} sent={sent} recipients={preview?.recipients ?? []} timeZone={timeZone} onDone={onDone} />;
  }
  if (preview) {
    // A gift that may have been sent must not be written anew, under another request id.
    const unsure = problem?.code === unreachable.code;
    return (
      <>
        <PreviewStep
          preview={preview}
          sending={busy}
          unsure={unsure}
          onBack={() => {
            setPreview(undefined);
            setProblem(undefined);
          }}
          onSend={() => void attempt<Sends>('send', { ...draft(), request: preview.request }, setSent)}
        />
        {problem && (
          <Alert title={unsure ? 'It is not known whether it was sent' : 'Nothing was sent'} variant="danger">
            {problem.message} {unsure && 'To press Send again is safe: it sends nothing twice.'}
          </Alert>
        )}
      </>
    );
  }
  return (
    <>
      {form.test_mode && (
        <Alert title="Test mode" variant="info">
          Everything is tried, and nothing is sent.
        </Alert>
      )}
      <WriteStep form={form} fixed={contacts} written={written} onChange={setWritten} />
      {problem && (
        <Alert title="The preview could not be made" variant="danger">
          {problem.message}
        </Alert>
      )}
      <Button
        variant="primary"
        disabled={busy || !written.gift || !written.message.trim() || written.contacts.length === 0 || (written.later && !written.at)}
        onClick={() => void attempt<Preview>('preview', draft(), setPreview)}
      >
        {busy ? 'Trying it' : 'Preview'}
      </Button>
      <Text variant="microcopy">Nothing is sent before you have seen the preview.</Text>
    </>
  );
}

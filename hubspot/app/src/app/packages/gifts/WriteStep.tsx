import { DateInput, Flex, SearchInput, Select, Text, TextArea, TimeInput, ToggleGroup } from '@hubspot/ui-extensions';
import type { BaseDate, BaseTime } from './when.ts';
import { useState } from 'react';
import { mostContacts } from './backend.ts';
import { at } from './when.ts';
import type { Form } from './wire.ts';
import { budget, count, money } from './words.ts';

/** What the user has written so far. */
export interface Written {
  contacts: string[];
  gift: string;
  message: string;
  later: boolean;
  /** 2026-12-24 09:00, once date and time are chosen. */
  at: string;
}

/** How many gifts of the catalogue are shown at a time. */
const shown = 10;

/** The draft to begin with: the only recipient and the only gift are chosen. */
export function firstDraft(form: Form, fixed: string[] | undefined): Written {
  const usable = form.recipients.filter((r) => !r.problem).map((r) => r.contact);
  const [item, ...others] = form.catalogue;
  return {
    contacts: fixed ?? (usable.length === 1 ? usable : []),
    gift: item && others.length === 0 ? String(item.gift) : '',
    message: '',
    later: false,
    at: '',
  };
}

interface Props {
  form: Form;
  /** Contacts that were chosen elsewhere. */
  fixed: string[] | undefined;
  written: Written;
  onChange: (written: Written) => void;
}

/** Chooses recipients, gift, message and time. */
export function WriteStep({ form, fixed, written, onChange }: Props) {
  const change = (part: Partial<Written>) => onChange({ ...written, ...part });
  return (
    <Flex direction="column" gap="medium">
      {fixed ? (
        <Text>To {count(fixed.length, 'contact')}. The preview shows who gets a gift.</Text>
      ) : (
        <ToggleGroup
          toggleType="checkboxList"
          name="contacts"
          label={form.older > 0 ? `Recipients (the newest ${mostContacts}; ${form.older} more are left out)` : 'Recipients'}
          options={form.recipients.map((r) => ({
            value: r.contact,
            label: [r.name, r.email].filter(Boolean).join(', ') || `Contact ${r.contact}`,
            readonly: Boolean(r.problem),
            ...(r.problem && { description: r.problem }),
          }))}
          value={written.contacts}
          onChange={(contacts) => change({ contacts })}
        />
      )}
      <Catalogue form={form} gift={written.gift} onChange={(gift) => change({ gift })} />
      {form.messages.length > 0 && (
        <Select
          name="prepared"
          label="Take a message"
          placeholder="Write your own, or begin with one of these"
          options={form.messages.map((m) => ({ label: m, value: m }))}
          onChange={(message) => change({ message: String(message) })}
        />
      )}
      <TextArea
        name="message"
        label="Message"
        description="{first_name}, {last_name} and {email} stand for the recipient's."
        required
        value={written.message}
        onInput={(message) => change({ message })}
        onChange={(message) => change({ message })}
      />
      <When form={form} written={written} onChange={change} />
      <Text>{budget(form.budget)}</Text>
    </Flex>
  );
}

function Catalogue({ form, gift, onChange }: { form: Form; gift: string; onChange: (gift: string) => void }) {
  const [search, setSearch] = useState('');
  const matching = form.catalogue.filter((item) => item.name.toLowerCase().includes(search.trim().toLowerCase()));
  const page = matching.slice(0, shown);
  return (
    <>
      {form.catalogue.length > shown && (
        <SearchInput name="search" label="Search the catalogue" value={search} clearable onChange={setSearch} />
      )}
      <ToggleGroup
        toggleType="radioButtonList"
        name="gift"
        label="Gift"
        required
        options={page.map((item) => ({ value: String(item.gift), label: `${item.name}, ${money(item.price)}` }))}
        value={gift}
        onChange={onChange}
      />
      {matching.length === 0 && <Text>The catalogue of the settings has no such gift.</Text>}
      {matching.length > page.length && <Text variant="microcopy">{matching.length - page.length} more: search for one by its name.</Text>}
    </>
  );
}

function When({ form, written, onChange }: { form: Form; written: Written; onChange: (part: Partial<Written>) => void }) {
  const [date, setDate] = useState<BaseDate>();
  const [clock, setClock] = useState<BaseTime>({ hours: 9, minutes: 0 });
  const choose = (d: BaseDate | undefined, c: BaseTime) => {
    setDate(d);
    setClock(c);
    onChange({ at: d ? at(d, c) : '' });
  };
  return (
    <>
      <ToggleGroup
        toggleType="radioButtonList"
        name="when"
        label="When"
        inline
        options={[
          { value: 'now', label: 'At once' },
          { value: 'later', label: 'Later' },
        ]}
        value={written.later ? 'later' : 'now'}
        onChange={(when) => onChange({ later: when === 'later' })}
      />
      {written.later && (
        <Flex gap="small">
          <DateInput name="date" label="Day" required timezone="portalTz" {...(date && { value: date })} onChange={(d) => choose(d, clock)} />
          <TimeInput
            name="time"
            label="Time"
            required
            timezone="portalTz"
            description={form.time_zone ? `In ${form.time_zone}` : "In the account's time zone"}
            value={clock}
            onChange={(c) => choose(date, c)}
          />
        </Flex>
      )}
    </>
  );
}

// HubSpot's components that the app uses, as HTML.
import type { ChangeEvent, ComponentType, ReactNode } from 'react';
import { useId } from 'react';

// The properties of HubSpot's components, as far as they are drawn.
interface Props {
  children?: ReactNode;
  title?: string;
  label?: string;
  number?: string | number;
  name?: string;
  description?: string;
  placeholder?: string;
  href?: string;
  variant?: string;
  align?: 'left' | 'center' | 'right';
  direction?: string;
  justify?: string;
  disabled?: boolean;
  required?: boolean;
  toggleType?: string;
  value?: unknown;
  options?: unknown;
  data?: unknown;
  axes?: { x: { field: string; label: string }; y: { field: string; label: string } };
  onClick?: () => void;
  onChange?: (value: unknown) => void;
  onInput?: (value: unknown) => void;
}

interface Option {
  label: string;
  value: string;
  description?: string;
  readonly?: boolean;
}

const list = (options: unknown): Option[] => options as Option[];

const two = (n: number): string => String(n).padStart(2, '0');

function Field({ label, description, children }: Omit<Props, 'children'> & { children: (id: string, hint: string | undefined) => ReactNode }) {
  const id = useId();
  const hint = description ? `${id}-hint` : undefined;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children(id, hint)}
      {description && (
        <small id={hint} className="hint">
          {description}
        </small>
      )}
    </div>
  );
}

const components: Record<string, ComponentType<Props>> = {
  Alert: ({ title, variant, children }) => (
    <div role="alert" className={`alert ${variant}`}>
      <strong>{title}</strong> <span>{children}</span>
    </div>
  ),
  BarChart: ({ data, axes }) => (
    <table>
      <thead>
        <tr>
          <th>{axes?.x.label}</th>
          <th className="right">{axes?.y.label}</th>
        </tr>
      </thead>
      <tbody>
        {(data as Record<string, string | number>[]).map((row) => (
          <tr key={row[axes?.x.field ?? '']}>
            <td>{row[axes?.x.field ?? '']}</td>
            <td className="right">{row[axes?.y.field ?? '']}</td>
          </tr>
        ))}
      </tbody>
    </table>
  ),
  Button: ({ variant, disabled, onClick, children }) => (
    <button type="button" className={variant} disabled={disabled} onClick={() => onClick?.()}>
      {children}
    </button>
  ),
  ButtonRow: ({ children }) => <div className="row">{children}</div>,
  DateInput: ({ value, onChange, ...field }) => {
    const d = value as { year: number; month: number; date: number } | undefined;
    return (
      <Field {...field}>
        {(id, hint) => (
          <input
            id={id}
            type="date"
            aria-describedby={hint}
            value={d ? `${d.year}-${two(d.month + 1)}-${two(d.date)}` : ''}
            onChange={(e) => {
              const [year = 0, month = 1, date = 1] = e.target.value.split('-').map(Number);
              onChange?.({ year, month: month - 1, date });
            }}
          />
        )}
      </Field>
    );
  },
  EmptyState: ({ title, children }) => (
    <div className="state">
      <h2>{title}</h2>
      {children}
    </div>
  ),
  ErrorState: ({ title, children }) => (
    <div className="state" role="alert">
      <h2>{title}</h2>
      {children}
    </div>
  ),
  Flex: ({ direction, justify, children }) => <div className={`flex ${direction ?? 'row'} ${justify ?? ''}`}>{children}</div>,
  Heading: ({ children }) => <h2>{children}</h2>,
  Link: ({ href, children }) => <a href={href}>{children}</a>,
  List: ({ children }) => <ul>{Array.isArray(children) ? children.map((item, i) => <li key={i}>{item}</li>) : <li>{children}</li>}</ul>,
  LoadingSpinner: ({ label }) => <p role="status">{label}</p>,
  PageTitle: ({ children }) => <h2>{children}</h2>,
  SearchInput: ({ value, onChange, ...field }) => (
    <Field {...field}>{(id) => <input id={id} type="search" value={String(value ?? '')} onChange={(e) => onChange?.(e.target.value)} />}</Field>
  ),
  Select: ({ options, placeholder, onChange, ...field }) => (
    <Field {...field}>
      {(id) => (
        <select id={id} defaultValue="" onChange={(e) => onChange?.(e.target.value)}>
          <option value="" disabled>
            {placeholder}
          </option>
          {list(options).map((o) => (
            <option key={o.value} value={o.value}>
              {o.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  ),
  Statistics: ({ children }) => <dl className="statistics">{children}</dl>,
  StatisticsItem: ({ label, number, children }) => (
    <div>
      <dt>{label}</dt>
      <dd>
        {number}
        {children}
      </dd>
    </div>
  ),
  StatusTag: ({ variant, children }) => <span className={`tag ${variant}`}>{children}</span>,
  Table: ({ children }) => <table>{children}</table>,
  TableBody: ({ children }) => <tbody>{children}</tbody>,
  TableCell: ({ align, children }) => <td className={align}>{children}</td>,
  TableHead: ({ children }) => <thead>{children}</thead>,
  TableHeader: ({ align, children }) => <th className={align}>{children}</th>,
  TableRow: ({ children }) => <tr>{children}</tr>,
  Text: ({ variant, children }) => <span className={`text ${variant}`}>{children}</span>,
  TextArea: ({ value, onInput, required, ...field }) => (
    <Field {...field}>
      {(id, hint) => (
        <textarea id={id} rows={3} required={required} aria-describedby={hint} value={String(value)} onChange={(e) => onInput?.(e.target.value)} />
      )}
    </Field>
  ),
  Tile: ({ children }) => <section className="tile">{children}</section>,
  TimeInput: ({ value, onChange, ...field }) => {
    const t = value as { hours: number; minutes: number };
    return (
      <Field {...field}>
        {(id, hint) => (
          <input
            id={id}
            type="time"
            aria-describedby={hint}
            value={`${two(t.hours)}:${two(t.minutes)}`}
            onChange={(e) => {
              const [hours = 0, minutes = 0] = e.target.value.split(':').map(Number);
              onChange?.({ hours, minutes });
            }}
          />
        )}
      </Field>
    );
  },
  ToggleGroup: ({ toggleType, name, label, options, value, onChange }) => {
    const id = useId();
    const many = toggleType === 'checkboxList';
    const chosen = many ? (value as string[]) : [value];
    const choose = (o: Option) => (e: ChangeEvent<HTMLInputElement>) =>
      onChange?.(many ? (e.target.checked ? [...chosen, o.value] : chosen.filter((v) => v !== o.value)) : o.value);
    return (
      <fieldset>
        <legend>{label}</legend>
        {list(options).map((o) => (
          <div key={o.value}>
            <input
              id={id + o.value}
              type={many ? 'checkbox' : 'radio'}
              name={name}
              checked={chosen.includes(o.value)}
              disabled={o.readonly}
              onChange={choose(o)}
            />
            <label htmlFor={id + o.value}>{o.label}</label>
            {o.description && <small className="hint">{o.description}</small>}
          </div>
        ))}
      </fieldset>
    );
  },
};

/** The component of HubSpot's with this name. */
export function component(name: string): ComponentType<Props> {
  return (
    components[name] ??
    (() => {
      throw new Error(`the host page cannot draw ${name}`);
    })
  );
}

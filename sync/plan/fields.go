package plan

import (
	"maps"
	"slices"
	"time"
)

// Mapping is the version of [Fields]' meaning. A record written with an older
// one is written again in full when it is next seen.
const Mapping = 1

// A Field is one property of the custom object: how HubSpot defines it and
// what a gift puts into it.
type Field struct {
	Name       string // internal name; fixed by the contract
	Label      string
	Type       string // HubSpot property type: string, number, enumeration, datetime
	FieldType  string // HubSpot field type: text, textarea, number, select, date, phonenumber
	TextHint   string // textDisplayHint: email, phone_number, …; "" for none
	NumberHint string // numberDisplayHint; "" for none
	CurrencyOf string // currencyPropertyName: the property that holds this one's currency
	Unique     bool   // hasUniqueValue
	Required   bool
	Searchable bool
	Options    []Option // for enumerations; more may be added as values are seen
	Grows      bool     // whether unseen values become options
	Extra      bool     // the gift is worth having without it
	Personal   Party    // whose personal value it is; 0 for no one's

	// value returns the property's value for a gift, "" for none. It is nil for
	// a property that another part fills. parse is its inverse.
	value func(Gift) string
	parse func(*Gift, string) error

	// digest is set for values that the journal keeps as a digest only.
	digest func(Gift) string
}

// An Option is one choice of an enumeration property.
type Option struct {
	Value, Label string
}

// Names of the properties that the code treats specially.
const (
	idProperty       = "thnks_transaction_id"
	currencyProperty = "gift_currency"
	statusProperty   = "status"
)

// fields is the table behind [Fields]; nothing changes it.
var fields = slices.Concat(
	[]Field{
		{
			Name: idProperty, Label: "Transaction ID", Type: "string", FieldType: "text",
			Unique: true, Required: true, Searchable: true,
			value: func(g Gift) string { return g.ID },
			parse: func(g *Gift, v string) error { g.ID = v; return nil },
		},
		searchable(text("gift_name", "Gift Name", func(g *Gift) *string { return &g.Name })),
		text("gift_type", "Gift Type", func(g *Gift) *string { return &g.Type }),
		{
			Name: "gift_amount", Label: "Gift Amount", Type: "number", FieldType: "number",
			NumberHint: "currency", CurrencyOf: currencyProperty,
			value: amount, parse: parseAmount,
		},
		{
			Name: currencyProperty, Label: "Gift Currency", Type: "enumeration", FieldType: "select",
			Grows: true,
			value: func(g Gift) string { return g.Amount.Currency },
			parse: func(g *Gift, v string) error { g.Amount.Currency = v; return nil },
		},
		personal(Sender, text("sender_name", "Sender Name", func(g *Gift) *string { return &g.Sender.Name })),
		personal(Sender, searchable(email("sender_email", "Sender Email", func(g *Gift) *string { return &g.Sender.Email }))),
		personal(Recipient, searchable(text("recipient_name", "Recipient Name", func(g *Gift) *string { return &g.Recipient.Name }))),
		personal(Recipient, searchable(email("recipient_email", "Recipient Email", func(g *Gift) *string { return &g.Recipient.Email }))),
		personal(Recipient, extra(phone("recipient_phone", "Recipient Phone", func(g *Gift) *string { return &g.Recipient.Phone }))),
		{
			Name: statusProperty, Label: "Status", Type: "enumeration", FieldType: "select",
			Options: statusOptions(),
			value:   func(g Gift) string { return string(g.Shown()) },
			parse:   func(g *Gift, v string) error { g.Status = ParseStatus(v); return nil },
		},
		{
			Name: "status_raw", Label: "Status (as reported)", Type: "string", FieldType: "text",
			value: func(g Gift) string { return line(g.stated().RawStatus) },
			parse: func(g *Gift, v string) error { g.RawStatus = v; return nil },
		},
		{
			Name: "message", Label: "Message", Type: "string", FieldType: "textarea",
			Personal: Sender | Recipient,
			value:    func(g Gift) string { return paragraphs(g.Message) },
			parse:    func(g *Gift, v string) error { g.Message = v; return nil },
			digest:   Gift.messageDigest,
		},
	},
	statusDates(),
	[]Field{
		personal(Recipient, extra(text("tracking_url", "Tracking URL", func(g *Gift) *string { return &g.TrackingURL }))),
		extra(text("parcel_status", "Parcel Status", func(g *Gift) *string { return &g.Parcel.Status })),
		{
			Name: "parcel_status_date", Label: "Parcel Status Date", Type: "datetime", FieldType: "date",
			Extra: true,
			value: func(g Gift) string { return datetime(g.Parcel.At) },
			parse: func(g *Gift, v string) (err error) { g.Parcel.At, err = parseDatetime(v); return err },
		},
		{
			Name: "thank_you_note", Label: "Thank-you Note", Type: "string", FieldType: "textarea",
			Extra: true, Personal: Recipient,
			value:  func(g Gift) string { return paragraphs(g.ThankYou.Text) },
			parse:  func(g *Gift, v string) error { g.ThankYou.Text = v; return nil },
			digest: func(g Gift) string { return g.ThankYou.digest() },
		},
	},
)

// Fields returns the properties of the custom object, in the order in which
// they are created and shown, and behind them those that hold metadata, which the
// portal's settings name. It does not list HubSpot's own properties.
//
// The definitions follow
// https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide.
func Fields(metadata ...string) []Field {
	all := slices.Clone(fields)
	for i := range all {
		all[i].Options = slices.Clone(all[i].Options)
	}
	for _, name := range metadata {
		all = append(all, metadataField(name))
	}
	return all
}

// fieldsOf returns the properties that a gift may have values for.
func fieldsOf(gifts ...Gift) []Field {
	names := make(map[string]bool)
	for _, g := range gifts {
		for name := range g.Metadata {
			names[name] = true
		}
	}
	if len(names) == 0 {
		return fields
	}
	all := slices.Clone(fields)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		all = append(all, metadataField(name))
	}
	return all
}

// text is a single-line property that holds the text that part points at.
func text(name, label string, part func(*Gift) *string) Field {
	return Field{
		Name: name, Label: label, Type: "string", FieldType: "text",
		value: func(g Gift) string { return line(*part(&g)) },
		parse: func(g *Gift, v string) error { *part(g) = v; return nil },
	}
}

// email is a property that HubSpot shows as an address. The value goes there
// as received: the canonical form is for comparing only.
func email(name, label string, part func(*Gift) *string) Field {
	f := text(name, label, part)
	f.TextHint = "email"
	return f
}

func phone(name, label string, part func(*Gift) *string) Field {
	f := text(name, label, part)
	f.FieldType, f.TextHint = "phonenumber", "phone_number"
	return f
}

func extra(f Field) Field {
	f.Extra = true
	return f
}

func personal(p Party, f Field) Field {
	f.Personal = p
	return f
}

func searchable(f Field) Field {
	f.Searchable = true
	return f
}

func statusOptions() []Option {
	var options []Option
	for _, s := range statuses {
		options = append(options, Option{Value: string(s), Label: s.label()})
	}
	return options
}

// statusDates are the properties that say when each status was reached.
func statusDates() []Field {
	var dates []Field
	for _, s := range statuses[:len(statuses)-1] {
		dates = append(dates, Field{
			Name: string(s) + "_date", Label: s.label() + " Date", Type: "datetime", FieldType: "date",
			value: func(g Gift) string { return datetime(g.shownTime(s, g.Shown())) },
			parse: func(g *Gift, v string) error {
				at, err := parseDatetime(v)
				if err != nil {
					return err
				}
				if g.Times == nil {
					g.Times = make(map[Status]time.Time)
				}
				g.Times[s] = at
				return nil
			},
		})
	}
	return dates
}

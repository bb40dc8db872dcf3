package plan

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

	// value is what the gift puts into the property, "" for nothing; nil for a
	// property that something else fills. parse is its inverse.
	value func(Gift) string
	parse func(*Gift, string) error
}

// An Option is one choice of an enumeration property.
type Option struct {
	Value, Label string
}

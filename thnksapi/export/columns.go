package export

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"thnks-hubspot-sync/thnksapi"
)

// A field is something that a column may hold.
type field struct {
	name  string            // of the HubSpot property, and of the setting in thnks.csv
	set   thnksapi.FieldSet // as a transaction calls it; none for the id
	guess []string          // other names that a column may have, the label in HubSpot first
}

// The fields that have rules of their own.
const (
	fieldID       = "thnks_transaction_id"
	fieldAmount   = "gift_amount"
	fieldCurrency = "gift_currency"
)

// fields are all fields, in the order of the record in HubSpot.
var fields = []field{
	{fieldID, 0, []string{"Transaction ID"}},
	{"gift_name", thnksapi.FieldGiftName, nil},
	{"gift_type", thnksapi.FieldGiftType, nil},
	{fieldAmount, thnksapi.FieldAmount, nil},
	{fieldCurrency, thnksapi.FieldCurrency, nil},
	{"sender_name", thnksapi.FieldSenderName, nil},
	{"sender_email", thnksapi.FieldSenderEmail, nil},
	{"recipient_name", thnksapi.FieldRecipientName, nil},
	{"recipient_email", thnksapi.FieldRecipientEmail, nil},
	{"recipient_phone", thnksapi.FieldRecipientPhone, nil},
	{"status", thnksapi.FieldStatus, nil},
	{"message", thnksapi.FieldMessage, nil},
	{"scheduled_date", thnksapi.FieldTimes, nil},
	{"sent_date", thnksapi.FieldTimes, nil},
	{"delivered_date", thnksapi.FieldTimes, nil},
	{"opened_date", thnksapi.FieldTimes, nil},
	{"redeemed_date", thnksapi.FieldTimes, nil},
	{"refunded_date", thnksapi.FieldTimes, nil},
	{"expired_date", thnksapi.FieldTimes, nil},
	{"undelivered_date", thnksapi.FieldTimes, nil},
	{"donated_date", thnksapi.FieldTimes, nil},
	{"tracking_url", thnksapi.FieldTrackingURL, nil},
	{"created_at", thnksapi.FieldCreatedAt, []string{"Created", "Created Date"}},
	{"updated_at", thnksapi.FieldUpdatedAt, []string{"Updated", "Updated Date", "Last Updated"}},
}

// byName has the fields by the folded names that a column of them may have.
var byName = func() map[string]string {
	names := make(map[string]string)
	for _, f := range fields {
		names[fold(f.name)] = f.name
		for _, g := range f.guess {
			names[fold(g)] = f.name
		}
	}
	return names
}()

// fieldOf returns the field that a folded name of a column stands for, "" for
// none.
func fieldOf(name string) string { return byName[name] }

// Fields returns the names of the fields that [Config].Columns may give a
// column for.
func Fields() []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

// pointers are the fields as a dialect's: an element is one flat object.
func pointers() thnksapi.Fields {
	at := func(name string) []string { return []string{"/" + name} }
	f := thnksapi.Fields{
		ID:       at(fieldID),
		GiftName: at("gift_name"), GiftType: at("gift_type"),
		Amount: at(fieldAmount), Currency: at(fieldCurrency),
		Message: at("message"), TrackingURL: at("tracking_url"),
		SenderName: at("sender_name"), SenderEmail: at("sender_email"),
		RecipientName: at("recipient_name"), RecipientEmail: at("recipient_email"), RecipientPhone: at("recipient_phone"),
		Status: at("status"), CreatedAt: at("created_at"), UpdatedAt: at("updated_at"),
		Times: make(map[string][]string),
	}
	for _, field := range fields {
		if status, ok := strings.CutSuffix(field.name, "_date"); ok {
			f.Times[status] = at(field.name)
		}
	}
	return f
}

// fold returns a column's name without the differences that do not matter.
func fold(name string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '_' || r == '-' || invisible(r) {
			return -1
		}
		return r
	}, name))
}

// assign returns which column holds which field: by the settings, and by the
// columns' names for the other fields and columns. missing are the fields whose
// setting names a column that the header lacks.
func assign(header []string, settings map[string]string) (column map[string]int, missing []string, err error) {
	column = make(map[string]int)
	taken := make(map[int]string) // field by column
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		found := find(header, func(h string) bool { return strings.TrimSpace(h) == settings[name] })
		if len(found) == 0 {
			found = find(header, func(h string) bool { return fold(h) == fold(settings[name]) })
		}
		if len(found) == 0 {
			missing = append(missing, name)
			continue
		}
		if len(found) > 1 {
			return nil, nil, fmt.Errorf("columns %d and %d both are called what thnks.csv.%s says: rename one", found[0]+1, found[1]+1, name)
		}
		if other, ok := taken[found[0]]; ok {
			return nil, nil, fmt.Errorf("thnks.csv.%s and thnks.csv.%s name the same column: a column holds one field", other, name)
		}
		column[name], taken[found[0]] = found[0], name
	}
	for _, f := range fields {
		if settings[f.name] != "" {
			continue
		}
		found := find(header, func(h string) bool { return fieldOf(fold(h)) == f.name })
		found = slices.DeleteFunc(found, func(i int) bool { return taken[i] != "" })
		switch len(found) {
		case 0:
		case 1:
			column[f.name] = found[0]
		default:
			return nil, nil, fmt.Errorf("columns %d and %d both look like %s: say in thnks.csv.%s which it is",
				found[0]+1, found[1]+1, f.name, f.name)
		}
	}
	return column, missing, nil
}

// find returns the columns whose name satisfies is.
func find(header []string, is func(string) bool) []int {
	var found []int
	for i, h := range header {
		if is(h) {
			found = append(found, i)
		}
	}
	return found
}

// listed lists a header's columns for a message: by number, and by field where
// one has a name that we know. Other names are not shown: if a file has no
// header, its first row is read as one, and messages must not quote rows.
func listed(header []string) string {
	const most = 40
	var names []string
	for i, h := range header[:min(len(header), most)] {
		names = append(names, fmt.Sprintf("%d %s", i+1, cmp.Or(fieldOf(fold(h)), "?")))
	}
	if len(header) > most {
		names = append(names, "…")
	}
	return strings.Join(names, ", ")
}

// distinct makes a header's names usable as keys: trimmed, not empty, each one
// different.
func distinct(header []string) []string {
	names := make([]string, len(header))
	seen := make(map[string]bool, len(header))
	for i, h := range header {
		h = visible(h)
		if h == "" || seen[h] {
			h = strings.TrimSpace(fmt.Sprintf("%s column %d", h, i+1))
		}
		seen[h] = true
		names[i] = h
	}
	return names
}

package configs

import (
	"maps"
	"slices"
	"strings"
)

// A Dialect says where an account's Thnks API differs from the one that we
// assume. There is a setting for every assumption that the documentation of
// package thnksapi numbers. A nil setting keeps its default.
type Dialect struct {
	ListPath    *string           `yaml:"list_path"`
	DetailPath  *string           `yaml:"detail_path"` // "" if there is no such call
	Detail      *string           `yaml:"detail"`
	Auth        DialectAuth       `yaml:"auth"`
	Paging      DialectPaging     `yaml:"paging"`
	Since       DialectSince      `yaml:"since"`
	Items       *string           `yaml:"items"`
	Recipients  *string           `yaml:"recipients"`
	Fields      DialectFields     `yaml:"fields"`
	Money       DialectMoney      `yaml:"money"`
	Statuses    map[string]string `yaml:"statuses"` // added to the default's; the source's word → ours
	TimeFormats []string          `yaml:"time_formats"`
	Nothing     []string          `yaml:"nothing"` // words for no date, amount or currency
}

// DialectAuth says how a request carries the API key.
type DialectAuth struct {
	Header   *string `yaml:"header"`
	Template *string `yaml:"template"` // with {key}
}

// DialectPaging says how a listing is cut into pages.
type DialectPaging struct {
	Kind      *string `yaml:"kind"`  // cursor, page or offset
	Param     *string `yaml:"param"` // query parameter of the cursor, page number or offset
	Pointer   *string `yaml:"pointer"`
	First     *int    `yaml:"first"` // number of the first page
	SizeParam *string `yaml:"size_param"`
	Size      *int    `yaml:"size"`    // elements a page
	Stop      *string `yaml:"stop"`    // no_cursor, empty or short
	Nothing   *int    `yaml:"nothing"` // status of a first page without elements: 404, or absent for none
}

// DialectSince says how a listing is narrowed to what is new.
type DialectSince struct {
	Kind    *string   `yaml:"kind"` // updated, created or none
	Param   *string   `yaml:"param"`
	Format  *string   `yaml:"format"` // rfc3339, date, epoch_s or epoch_ms
	Overlap *Duration `yaml:"overlap"`
}

// DialectMoney says how amounts are written.
type DialectMoney struct {
	Unit            *string `yaml:"unit"`             // major or minor
	DefaultCurrency *string `yaml:"default_currency"` // ISO 4217, "" for none
}

// DialectFields says where a transaction holds each value. A list holds JSON
// pointers (RFC 6901); the first that finds something counts. Pointers joined
// with " + " are read as one text with spaces between.
type DialectFields struct {
	ID             []string            `yaml:"id"`
	RequestID      []string            `yaml:"request_id"`
	GiftName       []string            `yaml:"gift_name"`
	GiftType       []string            `yaml:"gift_type"`
	Amount         []string            `yaml:"amount"`
	Currency       []string            `yaml:"currency"`
	Message        []string            `yaml:"message"`
	TrackingURL    []string            `yaml:"tracking_url"`
	SenderName     []string            `yaml:"sender_name"`
	SenderEmail    []string            `yaml:"sender_email"`
	SenderPhone    []string            `yaml:"sender_phone"`
	RecipientName  []string            `yaml:"recipient_name"`
	RecipientEmail []string            `yaml:"recipient_email"`
	RecipientPhone []string            `yaml:"recipient_phone"`
	Status         []string            `yaml:"status"`
	Times          map[string][]string `yaml:"times"` // added to the default's; our status word → pointers
	CreatedAt      []string            `yaml:"created_at"`
	UpdatedAt      []string            `yaml:"updated_at"`
}

// nothing checks a list of words that stand for an empty value.
func (r *report) nothing(key string, words []string) {
	for i, word := range words {
		if strings.TrimSpace(word) == "" {
			r.add(item(key, i), "no word", "remove it: an empty value is nothing in any case")
		}
	}
}

// dialect checks the settings that are a choice of words, and the numbers.
// Package thnksapi checks paths, pointers and templates.
func (r *report) dialect(at string, d Dialect) {
	statuses := []string{"scheduled", "sent", "delivered", "opened", "redeemed", "refunded", "expired", "undelivered", "donated"}
	choice := func(key string, value *string, words ...string) {
		if value != nil {
			r.oneOf(at+"."+key, *value, words...)
		}
	}
	choice("paging.kind", d.Paging.Kind, "cursor", "page", "offset")
	choice("paging.stop", d.Paging.Stop, "no_cursor", "empty", "short")
	choice("since.kind", d.Since.Kind, "updated", "created", "none")
	choice("since.format", d.Since.Format, "rfc3339", "date", "epoch_s", "epoch_ms")
	choice("money.unit", d.Money.Unit, "major", "minor")
	r.timeFormats(at+".time_formats", d.TimeFormats)
	if d.Paging.Size != nil && *d.Paging.Size < 2 {
		r.add(at+".paging.size", "less than 2", "give the number of transactions to ask for in one call")
	}
	if d.Paging.Nothing != nil && *d.Paging.Nothing != 404 {
		r.add(at+".paging.nothing", "not 404", "write 404 if the API answers so when it has no transactions, or remove the key")
	}
	r.nothing(at+".nothing", d.Nothing)
	for _, word := range slices.Sorted(maps.Keys(d.Statuses)) {
		r.oneOf(at+".statuses."+printable(word), d.Statuses[word], statuses...)
	}
	for _, status := range slices.Sorted(maps.Keys(d.Fields.Times)) {
		r.oneOf(at+".fields.times."+printable(status), status, statuses...)
	}
}

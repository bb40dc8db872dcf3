package stats

import (
	"cmp"
	"fmt"
	"strings"

	"thnks-hubspot-sync/sync/plan"
)

// A Filter says which gifts count. An empty field leaves none out.
type Filter struct {
	From string `json:"from,omitempty"` // first day of sending in the portal's time zone, "2026-01-31"
	To   string `json:"to,omitempty"`   // last day

	Sender   string      `json:"sender,omitempty"`   // address or whole name, ignoring case
	Type     string      `json:"type,omitempty"`     // gift type, or the name where there is no type, ignoring case
	Status   plan.Status `json:"status,omitempty"`   // today's
	Currency string      `json:"currency,omitempty"` // of the amount; [NoCurrency] for none
}

// A Query is what is asked of a portal's statistics.
type Query struct {
	Filter Filter `json:"filter"`
	Live   bool   `json:"live"` // compare with HubSpot, too
}

// A Period is a span of whole days in the report's time zone.
type Period struct {
	From string `json:"from"` // first day, "" for the beginning
	To   string `json:"to"`   // last day, "" for today
}

// Check returns what is wrong with the filter, for its user.
func (f Filter) Check() error {
	_, err := newSieve(f)
	return err
}

// A sieve is a filter made ready for use.
type sieve struct {
	filter   Filter
	address  string // canonical form of filter.Sender, "" if that is no address
	from, to int    // first and last day, [unknownDay] for none
}

func newSieve(f Filter) (sieve, error) {
	s := sieve{filter: f, from: unknownDay, to: unknownDay}
	if f.Status != "" && f.Status != plan.ParseStatus(string(f.Status)) {
		return s, fmt.Errorf("there is no status %q: use one of %s", f.Status, statusWords())
	}
	for _, end := range []struct {
		text string
		day  *int
	}{{f.From, &s.from}, {f.To, &s.to}} {
		if end.text == "" {
			continue
		}
		var err error
		if *end.day, err = parseDay(end.text); err != nil {
			return s, err
		}
	}
	if s.to != unknownDay && s.to < s.from {
		return s, fmt.Errorf("the period from %s to %s ends before it begins", f.From, f.To)
	}
	if address, ok := plan.CanonicalEmail(f.Sender); ok {
		s.address = address
	}
	return s, nil
}

func statusWords() string {
	var words []string
	for _, s := range plan.Statuses() {
		words = append(words, string(s))
	}
	return strings.Join(words, ", ")
}

// kind reports whether a gift passes, whenever it was sent.
func (s sieve) kind(g plan.Gift, f facts) bool {
	want := s.filter
	return (want.Status == "" || f.status == want.Status) &&
		(want.Type == "" || strings.EqualFold(f.kind, strings.TrimSpace(want.Type))) &&
		(want.Currency == "" || strings.EqualFold(cmp.Or(g.Amount.Currency, NoCurrency), want.Currency)) &&
		(want.Sender == "" || s.sender(g.Sender))
}

func (s sieve) sender(p plan.Person) bool {
	if address, ok := plan.CanonicalEmail(p.Email); ok && s.address != "" && address == s.address {
		return true
	}
	return strings.EqualFold(strings.TrimSpace(p.Name), strings.TrimSpace(s.filter.Sender))
}

// day reports whether a day is in the period. One that is not known is in none but
// the unlimited period.
func (s sieve) day(n int) bool {
	if n == unknownDay {
		return s.from == unknownDay && s.to == unknownDay
	}
	return n >= s.from && (s.to == unknownDay || n <= s.to)
}

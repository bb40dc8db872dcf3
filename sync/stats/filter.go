package stats

import (
	"cmp"
	"fmt"
	"strings"
	"time"

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

// A Period is a span of whole days in the report's time zone.
type Period struct {
	From string `json:"from"` // first day, "" for the beginning
	To   string `json:"to"`   // last day, "" for today
}

// Check returns what is wrong with the filter, for its user.
func (f Filter) Check() error {
	_, err := newSieve(f, time.UTC)
	return err
}

// A sieve is a filter made ready for use.
type sieve struct {
	filter   Filter
	address  string    // canonical form of filter.Sender, "" if that is no address
	from, to time.Time // to is the first instant after the period; zero for none
}

func newSieve(f Filter, zone *time.Location) (sieve, error) {
	s := sieve{filter: f}
	if f.Status != "" && f.Status != plan.ParseStatus(string(f.Status)) {
		return s, fmt.Errorf("there is no status %q: use one of %s", f.Status, statusWords())
	}
	var err error
	if f.From != "" {
		if s.from, err = startOf(f.From, zone); err != nil {
			return s, err
		}
	}
	if f.To != "" {
		last, err := startOf(f.To, zone)
		if err != nil {
			return s, err
		}
		s.to = addDays(last, 1)
	}
	if !s.from.IsZero() && !s.to.IsZero() && !s.from.Before(s.to) {
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

// startOf returns the first instant of a day.
func startOf(day string, zone *time.Location) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil || t.Year() < 1 {
		return time.Time{}, fmt.Errorf("%q is no day: write it as 2026-01-31", day)
	}
	return midnight(t.Year(), t.Month(), t.Day(), zone), nil
}

// midnight returns the first instant of a day: where the clock goes forward then
// that is later than 0:00, and where it goes back then the first of two.
func midnight(year int, month time.Month, day int, zone *time.Location) time.Time {
	t := time.Date(year, month, day, 0, 0, 0, 0, zone)
	want := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	if t.Format(time.DateOnly) < want {
		_, t = t.ZoneBounds()
	}
	if first := t.Add(-time.Hour); first.Format(time.DateOnly) == want {
		return first
	}
	return t
}

// addDays returns the first instant of the day that is n days after t's.
func addDays(t time.Time, n int) time.Time {
	return midnight(t.Year(), t.Month(), t.Day()+n, t.Location())
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

// time reports whether an instant is in the period. One that is not known is in
// none but the unlimited period.
func (s sieve) time(at time.Time) bool {
	if at.IsZero() {
		return s.from.IsZero() && s.to.IsZero()
	}
	return !at.Before(s.from) && (s.to.IsZero() || at.Before(s.to))
}

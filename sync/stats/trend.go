package stats

import (
	"math"
	"time"

	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/sync/plan"
)

// trendDays is how long the compared periods are where the filter sets none.
const trendDays = 30

// A trend counts two periods: before is from start to middle, the other one from
// there to end.
type trend struct {
	start, middle, end time.Time
	now, before        side
}

// A side is what happened in one period.
type side struct {
	sent, redeemed int
	value          sums
}

// newTrend returns nil if there is nothing to compare with: the period has no
// beginning. Without a period, the last 30 whole days are compared.
func newTrend(o Options) *trend {
	today := addDays(o.Now.In(o.Location), 0)
	t := &trend{middle: addDays(today, -trendDays), end: today, now: side{value: make(sums)}, before: side{value: make(sums)}}
	s, err := newSieve(o.Filter, o.Location)
	if err != nil || s.from.IsZero() && !s.to.IsZero() {
		return nil
	}
	if !s.from.IsZero() {
		t.middle, t.end = s.from, s.to
		if t.end.IsZero() {
			t.end = addDays(today, 1)
		}
	}
	if !t.middle.Before(t.end) {
		return nil // it begins in the future
	}
	t.start = addDays(t.middle, -daysBetween(t.middle, t.end))
	return t
}

// daysBetween returns how many days there are from one midnight to another.
func daysBetween(from, to time.Time) int {
	return int(math.Round(to.Sub(from).Hours() / 24))
}

// add counts one record in the periods in which it was sent and redeemed.
func (t *trend) add(m plan.Money, f facts) {
	if t == nil || !f.sent {
		return
	}
	if s := t.side(f.sentAt); s != nil {
		s.sent++
		s.value.add(m.Currency, m.Value)
	}
	if s := t.side(f.redeemedAt); s != nil {
		s.redeemed++
	}
}

// side returns the period of an instant, nil for none of them.
func (t *trend) side(at time.Time) *side {
	switch {
	case at.IsZero() || at.Before(t.start) || !at.Before(t.end):
		return nil
	case at.Before(t.middle):
		return &t.before
	}
	return &t.now
}

func (t *trend) report() *Trend {
	if t == nil {
		return nil
	}
	rep := &Trend{
		Period:   Period{From: t.middle.Format(time.DateOnly), To: addDays(t.end, -1).Format(time.DateOnly)},
		Before:   Period{From: t.start.Format(time.DateOnly), To: addDays(t.middle, -1).Format(time.DateOnly)},
		Sent:     change(t.now.sent, t.before.sent),
		Redeemed: change(t.now.redeemed, t.before.redeemed),
		Value:    make(map[string]AmountChange),
	}
	for _, s := range []sums{t.now.value, t.before.value} {
		for currency := range s {
			now, before, places := t.now.value[currency].total, t.before.value[currency].total, decimalsOf(currency)
			rep.Value[currency] = AmountChange{exact(now, places), exact(before, places), ratio(now.Sub(before), before)}
		}
	}
	return rep
}

func change(now, before int) Change {
	return Change{Now: now, Before: before, Change: share(now-before, before)}
}

// ratio returns an amount as a part of another, rounded to a hundredth of a per
// cent, or nil if that is nothing.
func ratio(d, of decimal.Decimal) *float64 {
	if of.IsZero() {
		return nil
	}
	r := d.DivRound(of, 4).InexactFloat64()
	return &r
}

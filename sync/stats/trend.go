package stats

import (
	"github.com/shopspring/decimal"
)

// trendDays is how long the compared periods are where the filter sets none.
const trendDays = 30

// trend compares a period with as many days before it. Without a period, the
// last 30 whole days are compared. It returns nil where there is nothing to
// compare with: the period has no beginning, or begins in the future.
func (t *Tally) trend(o Options, today int) (*Trend, error) {
	s, err := newSieve(o.Filter)
	if err != nil {
		return nil, err
	}
	from, to := s.from, s.to
	switch {
	case from == unknownDay && to == unknownDay:
		from, to = today-trendDays, today-1
	case to == unknownDay:
		to = today
	}
	if from == unknownDay || from > to {
		return nil, nil
	}
	length := to - from + 1
	var now, before daily
	for n, d := range t.kept.Days {
		switch {
		case n >= from && n <= to:
			now.join(d)
		case n >= from-length && n < from:
			before.join(d)
		}
	}
	rep := &Trend{
		Period:   Period{From: dayText(from), To: dayText(to)},
		Before:   Period{From: dayText(from - length), To: dayText(from - 1)},
		Sent:     change(now.Sent, before.Sent),
		Redeemed: change(now.Redeemed, before.Redeemed),
		Value:    make(map[string]AmountChange),
	}
	for _, s := range []sums{now.Value, before.Value} {
		for _, v := range s {
			now, before, places := now.Value.of(v.Currency), before.Value.of(v.Currency), decimalsOf(v.Currency)
			rep.Value[v.Currency] = AmountChange{exact(now, places), exact(before, places), ratio(now.Sub(before), before)}
		}
	}
	return rep, nil
}

func (d *daily) join(o *daily) {
	d.Sent += o.Sent
	d.Redeemed += o.Redeemed
	d.Value.join(o.Value)
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

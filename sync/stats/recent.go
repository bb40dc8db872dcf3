package stats

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// The kinds of [Activity].
const (
	sending    = "sent"
	redemption = "redeemed"
)

// reserve is how many of the newest events are kept, so that some of them can be
// taken away before it is unknown which the newest are.
const reserve = 10 * activity

// recent holds the newest sendings and redemptions, newest first.
type recent struct {
	Events []event
	Beyond *event // the newest of those that were left out, nil for none
}

// An event is a gift's sending or redemption.
type event struct {
	At   time.Time
	Kind string
	ID   string // of the transaction

	gift shown // where it was counted from the whole gift
}

// shown is what activity shows of a gift.
type shown struct {
	gift, recipient, record string
	status                  plan.Status
}

// compareEvents puts the newest first.
func compareEvents(a, b event) int {
	return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Kind, b.Kind))
}

// worn reports whether the newest events are not known any more.
func (l *recent) worn() bool { return l.Beyond != nil && len(l.Events) < activity }

// change adds a gift's events, or takes them away where by is -1.
func (l *recent) change(r plan.Stored, f facts, by int) {
	for _, e := range []event{{At: f.sentAt, Kind: sending}, {At: f.redeemedAt, Kind: redemption}} {
		e.ID = r.Gift.ID
		if e.At.IsZero() || l.Beyond != nil && compareEvents(e, *l.Beyond) >= 0 {
			continue
		}
		i, there := slices.BinarySearchFunc(l.Events, e, compareEvents)
		switch {
		case by > 0:
			e.gift = shownOf(r, f.status)
			l.Events = slices.Insert(l.Events, i, e)
		case there:
			l.Events = slices.Delete(l.Events, i, i+1)
		}
	}
	if len(l.Events) > reserve {
		beyond := l.Events[reserve]
		beyond.gift = shown{}
		l.Events, l.Beyond = l.Events[:reserve], &beyond
	}
}

func shownOf(r plan.Stored, status plan.Status) shown {
	return shown{giftName(r.Gift), personName(r.Gift.Recipient), r.ObjectID, status}
}

// report returns the newest events with what o.Look finds of their gifts now.
func (l *recent) report(o Options) ([]Activity, error) {
	newest := l.Events[:min(len(l.Events), activity)]
	gifts := make(map[string]shown)
	for _, e := range newest {
		gifts[e.ID] = e.gift
	}
	if o.Look != nil {
		found, err := o.Look(slices.Collect(maps.Keys(gifts)))
		if err != nil {
			return nil, err
		}
		for id, r := range found {
			gifts[id] = shownOf(r, r.Gift.Shown())
		}
	}
	list := []Activity{}
	for _, e := range newest {
		g := gifts[e.ID]
		a := Activity{Time: e.At.UTC(), Kind: e.Kind, TransactionID: e.ID, Gift: g.gift, Recipient: g.recipient, Status: g.status}
		if o.Records != "" && g.record != "" {
			a.URL = o.Records + g.record
		}
		list = append(list, a)
	}
	return list, nil
}

func giftName(g plan.Gift) string { return cmp.Or(g.Name, g.Type) }

func personName(p plan.Person) string { return cmp.Or(p.Name, p.Email, p.Phone) }

package stats

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// facts are what the statistics use of a gift.
type facts struct {
	status             plan.Status
	kind               string // type, else name
	sent               bool   // ever left scheduled
	eligible           bool   // could be redeemed
	redeemed           bool   // ever
	sentAt, redeemedAt time.Time

	delivered, opened bool      // ever, or further
	openedAt          time.Time // zero if that is not known
	stampedAt         time.Time // of sending, zero if it is not known exactly
	cancelled         bool      // taken back before it was sent
	pending           bool      // may be redeemed as far as its status says
	deadline          time.Time // when it expires; zero if that is not known
	period            time.Time // what it is filtered by: of sending, or else the nearest to it
}

// How long a gift can be opened after it was sent, and redeemed after it was
// opened.
const (
	openWithin   = 30 * 24 * time.Hour
	redeemWithin = 365 * 24 * time.Hour
)

func read(g plan.Gift) facts {
	times := g.ShownTimes()
	f := facts{status: g.Shown(), kind: cmp.Or(strings.TrimSpace(g.Type), strings.TrimSpace(g.Name), nameless)}
	f.sent = f.status.Rank() >= plan.Sent.Rank()
	for s := range times {
		f.sent = f.sent || s.Rank() >= plan.Sent.Rank()
	}
	f.redeemedAt = times[plan.Redeemed]
	f.redeemed = f.status == plan.Redeemed || !f.redeemedAt.IsZero()

	// A gift that bounced expires and is refunded soon afterwards. Then only its
	// times show that it was never delivered.
	ended := f.status == plan.Expired || f.status == plan.Refunded
	undelivered := f.status == plan.Undelivered || ended && !times[plan.Undelivered].IsZero()
	f.eligible = f.sent && (!undelivered || f.redeemed)

	if f.sent {
		f.sentAt = times[plan.Sent]
	}
	if f.sent && f.sentAt.IsZero() {
		f.sentAt = cmp.Or(times[plan.Scheduled], g.CreatedAt) // nearest to it
	}
	f.period = cmp.Or(f.sentAt, times[plan.Scheduled], g.CreatedAt)
	f.readCourse(times)
	return f
}

// readCourse reads how far the gift has come and until when it can come further.
func (f *facts) readCourse(times map[plan.Status]time.Time) {
	reached := func(s plan.Status) bool { return f.sent && (f.status == s || !times[s].IsZero()) }
	f.opened = reached(plan.Opened) || f.redeemed
	f.delivered = reached(plan.Delivered) || f.opened
	f.openedAt, f.stampedAt = times[plan.Opened], times[plan.Sent]
	f.cancelled = f.status == plan.Refunded && !f.delivered && !times[plan.Scheduled].IsZero() &&
		f.stampedAt.IsZero() && times[plan.Expired].IsZero() && times[plan.Undelivered].IsZero() && times[plan.Donated].IsZero()
	f.pending = f.sent && !f.redeemed && f.eligible && f.status.Rank() < plan.Expired.Rank()
	switch from := cmp.Or(f.openedAt, f.sentAt); {
	case from.IsZero() || !f.pending:
	case f.opened:
		f.deadline = from.Add(redeemWithin)
	default:
		f.deadline = from.Add(openWithin)
	}
}

func giftName(g plan.Gift) string { return cmp.Or(g.Name, g.Type) }

func personName(p plan.Person) string { return cmp.Or(p.Name, p.Email, p.Phone) }

// compareActivities puts the newest first.
func compareActivities(a, b Activity) int {
	return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(a.TransactionID, b.TransactionID), cmp.Compare(a.Kind, b.Kind))
}

// rate returns the rate of redemption, rounded to a hundredth of a per cent, or
// nil if no gift is eligible.
func rate(t tally) *float64 {
	return share(t.redeemed, t.eligible)
}

// share returns n of a whole, rounded to a hundredth of a per cent, or nil if
// the whole is nothing.
func share(n, of int) *float64 {
	if of == 0 {
		return nil
	}
	r := math.Round(float64(n)/float64(of)*1e4) / 1e4
	return &r
}

func topTypes(types map[string]tally) []Count {
	top := make([]Count, 0, len(types))
	for name, t := range types {
		top = append(top, Count{name, t.sent})
	}
	slices.SortFunc(top, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	return top[:min(len(top), topN)]
}

func topSenders(senders []sender) []Sender {
	top := make([]Sender, len(senders))
	for i, s := range senders {
		top[i] = s.Sender
	}
	slices.SortFunc(top, func(a, b Sender) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Email, b.Email))
	})
	return top[:min(len(top), topN)]
}

func typeRates(types map[string]tally) []TypeRate {
	rates := make([]TypeRate, 0, len(types))
	for name, t := range types {
		rates = append(rates, TypeRate{Name: name, Redeemed: t.redeemed, Eligible: t.eligible, Rate: rate(t)})
	}
	slices.SortFunc(rates, func(a, b TypeRate) int {
		return cmp.Or(cmp.Compare(b.Eligible, a.Eligible), cmp.Compare(a.Name, b.Name))
	})
	return rates
}

func stages(counts map[string]int, labels map[string]string) []Stage {
	list := make([]Stage, 0, len(counts))
	for id, n := range counts {
		list = append(list, Stage{ID: id, Name: cmp.Or(labels[id], id, nameless), Count: n})
	}
	slices.SortFunc(list, func(a, b Stage) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return list
}

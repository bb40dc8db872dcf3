package stats

import (
	"cmp"
	"math"
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

	worth worth
	days  days
}

// days are those of a gift in the zone of the report, [unknownDay] where the time
// is not known.
type days struct {
	sent, redeemed int
	period         int // what it is filtered by: of sending, or else the nearest to it
	deadline       int // the last on which it can come further
	month          int // of sent
}

// How long a gift can be opened after it was sent, and redeemed after it was
// opened.
const (
	openWithin   = 30  // days
	redeemWithin = 365 // days
)

func (t *Tally) read(g plan.Gift) facts {
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
	f.worth = worthOf(g.Amount)
	f.readCourse(times)
	f.days.sent, f.days.redeemed = dayOf(f.sentAt, t.zone), dayOf(f.redeemedAt, t.zone)
	f.days.period = dayOf(cmp.Or(f.sentAt, times[plan.Scheduled], g.CreatedAt), t.zone)
	f.days.month, f.days.deadline = monthOf(f.days.sent), unknownDay
	if from := dayOf(cmp.Or(f.openedAt, f.sentAt), t.zone); from != unknownDay {
		f.days.deadline = from + openWithin
		if f.opened {
			f.days.deadline = from + redeemWithin
		}
	}
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
}

// class returns what became of a sent gift that is not pending.
func (f facts) class() int {
	switch {
	case f.redeemed:
		return redeemed
	case !f.eligible:
		return undelivered
	case f.cancelled:
		return cancelled
	}
	return unredeemed
}

// rate returns the rate of redemption, rounded to a hundredth of a per cent, or
// nil if no gift is eligible.
func (n tried) rate() *float64 { return share(n.Redeemed, n.Eligible) }

// share returns n of a whole, rounded to a hundredth of a per cent, or nil if
// the whole is nothing.
func share(n, of int) *float64 {
	if of == 0 {
		return nil
	}
	r := math.Round(float64(n)/float64(of)*1e4) / 1e4
	return &r
}

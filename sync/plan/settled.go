package plan

import "time"

// A gift may change for about 395 days after it was sent: 30 unopened, or 365
// once opened, and then the wait for a refund run.
//
// See https://help.thnks.com/en/articles/1392457-thnks-refunds.
const lifetime = 400 * 24 * time.Hour

// Refunds of unopened gifts are made in one run on the 10th of the month after
// they expired; the days after it are for the run to finish and to be seen.
const refundsDone = 15

// Settled reports whether the gift has come to its end, so that it need not be
// asked for again: it was redeemed, donated or refunded, it expired or was
// never delivered and the refund run is past (a gift once opened is not
// refunded), or it is more than 400 days old. Once settled, a gift that is not
// merged with anything stays so.
func Settled(g Gift, now time.Time) bool {
	times, shown := g.ShownTimes(), g.Shown()
	switch shown {
	case Redeemed, Donated, Refunded:
		return true
	case Expired, Undelivered:
		if _, opened := times[Opened]; opened && shown == Expired {
			return true
		}
		at := times[shown]
		if at.IsZero() {
			at = g.UpdatedAt
		}
		at = at.UTC()
		run := time.Date(at.Year(), at.Month()+1, refundsDone, 0, 0, 0, 0, time.UTC)
		if !at.IsZero() && now.After(run) {
			return true
		}
	}
	began := g.CreatedAt
	for _, s := range []Status{Scheduled, Sent} {
		if at := times[s]; at.After(began) {
			began = at
		}
	}
	return !began.IsZero() && now.Sub(began) > lifetime
}

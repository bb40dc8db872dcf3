package plan

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// grace is how much older than the snapshot a claim may be and still count:
// the source's clocks differ, and its listing lags behind its events.
const grace = 15 * time.Minute

// statuses are in the order of the contract's option list.
var statuses = []Status{Scheduled, Sent, Delivered, Opened, Redeemed, Refunded, Expired, Undelivered, Donated, Unknown}

// Statuses returns all statuses, [Unknown] last.
func Statuses() []Status { return slices.Clone(statuses) }

// ParseStatus returns the status of a word, ignoring case and surrounding space,
// and [Unknown] for any other word.
func ParseStatus(word string) Status {
	if s := Status(strings.ToLower(strings.TrimSpace(word))); slices.Contains(statuses, s) {
		return s
	}
	return Unknown
}

// Rank says how far a gift has progressed with status s: the higher rank is shown.
// Redeemed, donated, expired and undelivered share a rank, since a gift ends
// in one of them; only a refund may follow. The rank of [Unknown] is 0.
func (s Status) Rank() int {
	switch s {
	case Scheduled:
		return 1
	case Sent:
		return 2
	case Delivered:
		return 3
	case Opened:
		return 4
	case Redeemed, Donated, Expired, Undelivered:
		return 5
	case Refunded:
		return 6
	default:
		return 0
	}
}

// label is the status as users read it.
func (s Status) label() string {
	return strings.ToUpper(string(s[:1])) + string(s[1:])
}

// precedence orders statuses of the same rank that were reached at the same
// time: the earlier in the list is shown.
var precedence = []Status{Redeemed, Donated, Expired, Undelivered}

// A reached is a status with the time to judge it by.
type reached struct {
	status Status
	at     time.Time
}

func compareReached(a, b reached) int {
	return cmp.Or(
		cmp.Compare(a.status.Rank(), b.status.Rank()),
		a.at.Compare(b.at),
		cmp.Compare(slices.Index(precedence, b.status), slices.Index(precedence, a.status)),
	)
}

// stated returns the status that the snapshots state, its word known to us, and
// their own word for it. The status is "" if there is none. Of snapshots with
// and without a version the further status counts, unless the version is newer
// than the reading.
func (g Gift) stated() Reading {
	if g.Behind == nil {
		best := g.lastKnown()
		best.RawStatus = g.RawStatus
		return best
	}
	versioned, derived := g.kinds()
	best := versioned.lastKnown()
	best.RawStatus = versioned.RawStatus
	for _, r := range derived.readings() { // the furthest first
		rank, known := r.Status.Rank(), best.Status.Rank()
		if !r.Origin.ReadAt.After(best.Origin.Version) || rank == 0 {
			continue
		}
		if rank > known || rank == known && r.Origin.overrides(best.Origin) {
			return r
		}
		break
	}
	return best
}

// known returns the status that the snapshots state, "" if there is none, and
// the version to judge claims by: what has no version speaks of the time up to
// its latest date.
func (g Gift) known() (Status, time.Time) {
	s := g.stated()
	if g.Behind == nil && !g.Derived {
		return s.Status, s.Origin.Version
	}
	versioned, derived := g.kinds()
	if at := versioned.lastKnown().Origin.Version; !at.IsZero() {
		return s.Status, at
	}
	return s.Status, derived.UpdatedAt
}

// counts reports whether a claim affects the status. A snapshot that is newer
// than the claim by more than the grace overrules it, unless the snapshot's
// status is one that we do not know.
func (g Gift) counts(c Claim) bool {
	_, version := g.known()
	return !c.At.Before(version.Add(-grace))
}

// statedTime is the date of s in the snapshots, zero for none.
func (g Gift) statedTime(s Status) time.Time {
	if g.Behind == nil {
		return g.Times[s]
	}
	versioned, derived := g.kinds()
	at, without := versioned.Times[s], derived.Times[s]
	if at.IsZero() || !without.IsZero() && derived.timeOrigin(s).overrides(versioned.timeOrigin(s)) {
		return without
	}
	return at
}

// Shown returns the status to show: the highest of the newest known snapshot
// status and the claims that are at most 15 minutes older than that snapshot.
// Of statuses of equal rank, the one reached later wins (for a snapshot without
// that date, its version counts), then redeemed, donated, expired, undelivered
// in this order.
func (g Gift) Shown() Status {
	best := reached{status: Unknown}
	if status, version := g.known(); status != "" {
		best = reached{status, version}
		if at := g.statedTime(status); !at.IsZero() {
			best.at = at
		}
	}
	for _, c := range g.Claims {
		if r := (reached{c.Status, c.At}); g.counts(c) && c.Status.Rank() > 0 && compareReached(r, best) > 0 {
			best = r
		}
	}
	return best.status
}

// ShownTimes returns when each status was reached: the date of the snapshots,
// otherwise the first claim that counts. A claim that a newer snapshot overruled
// still dates a status that the gift has passed, and the one that the snapshot
// itself has: a later claim of the same rank takes nothing away.
func (g Gift) ShownTimes() map[Status]time.Time {
	times := make(map[Status]time.Time)
	shown := g.Shown()
	for _, s := range statuses {
		if at := g.shownTime(s, shown); !at.IsZero() {
			times[s] = at
		}
	}
	return times
}

// shownTime is the entry of [Gift.ShownTimes] for s, zero for none.
func (g Gift) shownTime(s, shown Status) time.Time {
	if s.Rank() == 0 {
		return time.Time{}
	}
	if at := g.statedTime(s); !at.IsZero() {
		return at
	}
	snapshot, _ := g.known()
	var passed time.Time
	for _, c := range g.Claims { // sorted by time
		switch {
		case c.Status != s:
		case g.counts(c):
			return c.At
		case passed.IsZero() && (s == snapshot || s.Rank() < shown.Rank()):
			passed = c.At
		}
	}
	return passed
}

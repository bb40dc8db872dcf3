package plan

import (
	"cmp"
	"slices"
	"time"
)

// Merge joins what is known about a gift with what was seen of it. Its two
// arguments are of equal standing: the result is the same whichever came
// first, however often and in whatever order the pieces arrive (Merge is
// idempotent, commutative and associative).
//
//   - The snapshot with the greatest UpdatedAt wins as a whole. Equal versions
//     that differ are decided by the further status, then by their text, which
//     is arbitrary but always the same.
//   - A known date stays until a newer snapshot has another one; of equal
//     versions the later date stays.
//   - A status word that we do not know sets RawStatus, and Status to
//     [Unknown]. The last known status is kept in Known and is still shown.
//   - Claims are united. Of each status the first and the last are kept, so
//     that a gift opened a thousand times does not carry a thousand claims.
//   - Of parcels and of thank-you notes the latest stays; of equal times the
//     greater text or digest.
func Merge(old, seen Gift) Gift {
	g := old
	if compareSnapshots(seen, old) > 0 {
		g = seen
	}
	g.Known, g.KnownAt = joinKnown(old, seen)
	if g.Status.Rank() > 0 {
		g.Known, g.KnownAt = "", time.Time{}
	}
	g.Times, g.AsOf = joinTimes(old, seen, g.UpdatedAt)
	g.Claims = joinClaims(old.Claims, seen.Claims)
	g.Parcel, g.ThankYou = old.Parcel, old.ThankYou
	if compareParcels(seen.Parcel, old.Parcel) > 0 {
		g.Parcel = seen.Parcel
	}
	if compareNotes(seen.ThankYou, old.ThankYou) > 0 {
		g.ThankYou = seen.ThankYou
	}
	return g
}

func compareParcels(a, b Parcel) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Status, b.Status))
}

// compareNotes orders notes by time. A note with its text comes after the same
// note with only its digest.
func compareNotes(a, b Note) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.digest(), b.digest()), cmp.Compare(a.Text, b.Text))
}

// compareSnapshots orders the snapshots of two gifts: by version, and then by
// all fields that are not joined separately, so that only equal snapshots
// compare equal. A message with its text comes after its digest alone.
func compareSnapshots(a, b Gift) int {
	if c := a.UpdatedAt.Compare(b.UpdatedAt); c != 0 {
		return c
	}
	return cmp.Or(
		cmp.Compare(a.Status.Rank(), b.Status.Rank()),
		cmp.Compare(a.Status, b.Status),
		cmp.Compare(a.RawStatus, b.RawStatus),
		cmp.Compare(a.ID, b.ID),
		cmp.Compare(a.RequestID, b.RequestID),
		cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.Type, b.Type),
		cmp.Compare(a.Amount.Currency, b.Amount.Currency),
		a.Amount.Value.Cmp(b.Amount.Value),
		cmp.Compare(a.TrackingURL, b.TrackingURL),
		comparePersons(a.Recipient, b.Recipient),
		comparePersons(a.Sender, b.Sender),
		a.CreatedAt.Compare(b.CreatedAt),
		cmp.Compare(a.messageDigest(), b.messageDigest()),
		cmp.Compare(a.Message, b.Message),
	)
}

func comparePersons(a, b Person) int {
	return cmp.Or(cmp.Compare(a.Email, b.Email), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Phone, b.Phone))
}

// joinKnown returns the newest known status of both gifts and its version; of
// equal versions the further status.
func joinKnown(a, b Gift) (Status, time.Time) {
	as, at := a.known()
	bs, bt := b.known()
	switch {
	case bs == "":
		return as, at
	case as == "":
		return bs, bt
	case cmp.Or(at.Compare(bt), cmp.Compare(as.Rank(), bs.Rank()), cmp.Compare(as, bs)) < 0:
		return bs, bt
	default:
		return as, at
	}
}

// joinTimes returns, for each status, the time that the newest snapshot to
// give one gave, and the versions of those that are not from version newest.
func joinTimes(a, b Gift, newest time.Time) (times, asOf map[Status]time.Time) {
	for _, s := range statuses[:len(statuses)-1] {
		at, version := a.Times[s], a.timeVersion(s)
		if bt, bv := b.Times[s], b.timeVersion(s); at.IsZero() ||
			!bt.IsZero() && cmp.Or(bv.Compare(version), bt.Compare(at)) > 0 {
			at, version = bt, bv
		}
		if at.IsZero() {
			continue
		}
		if times == nil {
			times = make(map[Status]time.Time)
		}
		times[s] = at
		if version.Equal(newest) {
			continue
		}
		if asOf == nil {
			asOf = make(map[Status]time.Time)
		}
		asOf[s] = version
	}
	return times, asOf
}

// timeVersion is the version of the snapshot that Times[s] is from.
func (g Gift) timeVersion(s Status) time.Time {
	if v, ok := g.AsOf[s]; ok {
		return v
	}
	return g.UpdatedAt
}

// joinClaims unites claims and keeps the first and last of each status,
// sorted by time, then status.
func joinClaims(a, b []Claim) []Claim {
	all := slices.Concat(a, b)
	slices.SortFunc(all, compareClaims)
	last := make(map[Status]int, len(all))
	for i, c := range all {
		last[c.Status] = i
	}
	var kept []Claim
	first := make(map[Status]time.Time, len(last))
	for i, c := range all {
		at, seen := first[c.Status]
		switch {
		case !seen:
			first[c.Status] = c.At
		case i != last[c.Status] || c.At.Equal(at):
			continue
		}
		kept = append(kept, c)
	}
	return kept
}

func compareClaims(a, b Claim) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Status, b.Status))
}

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
//   - The snapshot with the greatest UpdatedAt wins as a whole.
//   - Of equal versions the further status stays, and known dates are not
//     removed. Every other field is from the source that is configured first;
//     of one source from the snapshot that was read last. Content decides only
//     where all else is equal.
//   - A snapshot whose version is [Gift.Derived] is of an equal version with all
//     that were made before it was read, and older than all others. So a later
//     reading of the source wins, and lowers no status.
//   - A known date stays until a newer snapshot has another one.
//   - A status word that we do not know sets RawStatus, and Status to
//     [Unknown]. The last known status is kept in Known and is still shown.
//   - Claims are united. Of each status the first and the last are kept, so
//     that a gift opened a thousand times does not carry a thousand claims.
//   - Mails are united, and the last ones kept.
//   - Of parcels, of thank-you notes and of each part of the metadata the latest
//     stays; of equal times the greater text or digest.
//
// Versions and times of reading cannot be put into one order in which both the
// greatest version and the first source win. Therefore snapshots with a version
// and those without are two gifts, each joined by an order of its own; what is
// shown is a function of both. The one whose fields are not shown is in
// [Gift.Behind].
func Merge(old, seen Gift) Gift {
	oldVersioned, oldDerived := old.kinds()
	seenVersioned, seenDerived := seen.kinds()
	g := inFront(joinSnapshots(oldVersioned, seenVersioned), joinSnapshots(oldDerived, seenDerived))
	g.ID = max(old.ID, seen.ID)
	g.Claims = joinClaims(old.Claims, seen.Claims)
	g.Mails = joinMails(old.Mails, seen.Mails)
	g.Metadata = joinMetadata(old.Metadata, seen.Metadata)
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
	return cmp.Or(a.eventAt().Compare(b.eventAt()), a.At.Compare(b.At), cmp.Compare(a.Status, b.Status))
}

// compareNotes orders notes by time. A note with its text comes after the same
// note with only its digest.
func compareNotes(a, b Note) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.digest(), b.digest()), cmp.Compare(a.Text, b.Text))
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

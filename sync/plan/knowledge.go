package plan

import (
	"maps"
	"slices"
	"time"
)

// SameKnowledge reports whether two states of a gift say the same: they differ
// at most in when it was read and in lesser statuses that were read since, which
// only order what is seen later. Texts are
// compared by their digests, so that either gift may be [Gift.Redacted]. After
// b is the merge of a with a snapshot, neither HubSpot nor the journal needs to
// be written.
func SameKnowledge(a, b Gift) bool {
	aVersioned, aDerived := a.kinds()
	bVersioned, bDerived := b.kinds()
	if a.ID != b.ID || !sameSnapshots(aVersioned, bVersioned) || !sameSnapshots(aDerived, bDerived) ||
		!slices.EqualFunc(a.Claims, b.Claims, func(x, y Claim) bool { return compareClaims(x, y) == 0 }) ||
		!slices.EqualFunc(a.Mails, b.Mails, sameMail) || compareParcels(a.Parcel, b.Parcel) != 0 || !sameNotes(a.ThankYou, b.ThankYou) || !sameMetadata(a.Metadata, b.Metadata) {
		return false
	}
	if a.Behind == nil && b.Behind == nil {
		return true
	}
	// When each kind was read also decides which of the two is shown.
	if a.Derived != b.Derived || a.Shown() != b.Shown() || !maps.EqualFunc(a.ShownTimes(), b.ShownTimes(), time.Time.Equal) {
		return false
	}
	return a.stated().RawStatus == b.stated().RawStatus
}

// sameSnapshots compares snapshots of one kind.
func sameSnapshots(a, b Gift) bool {
	a.Message, a.MessageDigest = "", a.messageDigest()
	b.Message, b.MessageDigest = "", b.messageDigest()
	return a.UpdatedAt.Equal(b.UpdatedAt) && a.Source == b.Source && a.Derived == b.Derived &&
		a.Status == b.Status && a.RawStatus == b.RawStatus &&
		a.Known == b.Known && a.KnownAs.Version.Equal(b.KnownAs.Version) &&
		maps.EqualFunc(a.Times, b.Times, time.Time.Equal) &&
		compareContents(a, b) == 0
}

func sameNotes(a, b Note) bool {
	return a.At.Equal(b.At) && a.digest() == b.digest()
}

// Lowers reports whether the snapshot seen says less of the status than is
// known, and is not newer: what is known stays. A listing or a file with such
// rows is older than what is known.
func Lowers(old, seen Gift) bool {
	rank := seen.Status.Rank()
	return rank > 0 && rank < old.stated().Status.Rank() && rank < Merge(old, seen).stated().Status.Rank()
}

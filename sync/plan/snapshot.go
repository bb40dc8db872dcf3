package plan

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// A gift's snapshots are of two kinds: those with a version of the source, and
// those without. Each kind is joined by itself. In a gift that holds only
// snapshots, the ID, claims, parcel, note, mails and metadata are empty.

// kinds returns the gift's snapshots with and without a version. Either is the
// zero gift where there is none of its kind.
func (g Gift) kinds() (versioned, derived Gift) {
	if g.Behind != nil {
		derived = *g.Behind
	}
	g.ID, g.Claims, g.Parcel, g.ThankYou, g.Mails, g.Metadata, g.Behind = "", nil, Parcel{}, Note{}, nil, nil, nil
	// Without the time of reading, the version is all that there is to order by;
	// without a version, the time of reading is.
	g.Derived = !g.ReadAt.IsZero() && (g.Derived || g.UpdatedAt.IsZero())
	if g.ReadAt.IsZero() {
		g.Source = 0
	}
	if g.saysNothing() {
		g = Gift{}
	}
	if g.Derived {
		return derived, g
	}
	return g, derived
}

// saysNothing reports whether there is no snapshot in g.
func (g Gift) saysNothing() bool {
	return g.UpdatedAt.IsZero() && g.Status == "" && g.RawStatus == "" && len(g.Times) == 0 && compareContents(g, Gift{}) == 0
}

// origin is the snapshot that the fields of g are from.
func (g Gift) origin() Origin {
	o := Origin{ReadAt: g.ReadAt, Source: g.Source}
	if !g.Derived {
		o.Version = g.UpdatedAt
	}
	return o
}

// statusOrigin is the snapshot that the status of g is from.
func (g Gift) statusOrigin() Origin {
	if g.StatusAsOf.isZero() {
		return g.origin()
	}
	return g.StatusAsOf
}

// WithStatusOf returns g, a snapshot without a status, with the one that earlier snapshots
// of its kind gave in have, dated as they dated it: so g overrules no event that they did
// not. If they gave none, g has none, and the other kind's is shown.
func (g Gift) WithStatusOf(have Gift) Gift {
	of, derived := have.kinds()
	if g.Derived {
		of = derived
	}
	g.Status, g.RawStatus, g.Known, g.KnownAs = of.Status, of.RawStatus, of.Known, of.KnownAs
	g.StatusAsOf = of.statusOrigin()
	if g.StatusAsOf.isZero() && of.Status != "" {
		g.StatusAsOf = unknownOrigin
	}
	if g.Derived && !have.saysNothing() {
		g.UpdatedAt = of.UpdatedAt
	}
	return g
}

// timeOrigin is the snapshot that Times[s] is from.
func (g Gift) timeOrigin(s Status) Origin {
	if o, ok := g.AsOf[s]; ok {
		return o
	}
	return g.origin()
}

// unknownOrigin dates a status whose reading time is unknown, in a snapshot whose own is
// known: a zero Origin would mean the snapshot's own. Every known reading is later.
var unknownOrigin = Origin{ReadAt: time.Unix(0, 0).UTC(), Source: math.MaxInt32}

func (o Origin) isZero() bool { return o.Version.IsZero() && o.ReadAt.IsZero() && o.Source == 0 }

// compareOrigins orders snapshots of one kind: by version, then as
// [compareReadings] does.
func compareOrigins(a, b Origin) int {
	return cmp.Or(a.Version.Compare(b.Version), compareReadings(a, b))
}

// compareReadings orders readings of one version: the source that is configured
// first comes last; of one source the later reading does. When and whence it was
// read is not known of what an older state file holds: all else comes after it.
func compareReadings(a, b Origin) int {
	return cmp.Or(
		compareBools(!a.ReadAt.IsZero(), !b.ReadAt.IsZero()),
		cmp.Compare(b.Source, a.Source),
		a.ReadAt.Compare(b.ReadAt),
	)
}

// overrides reports whether a snapshot without a version is to be shown before
// one that has a version: it was read after that was made, and it comes after
// it in the order of readings.
func (o Origin) overrides(versioned Origin) bool {
	return o.ReadAt.After(versioned.Version) && compareReadings(o, versioned) > 0
}

// inFront returns the snapshot whose fields are shown, the other one behind it.
func inFront(versioned, derived Gift) Gift {
	switch {
	case derived.saysNothing():
		return versioned
	case versioned.saysNothing():
		return derived
	case derived.origin().overrides(versioned.origin()):
		derived.Behind = &versioned
		return derived
	default:
		versioned.Behind = &derived
		return versioned
	}
}

// joinSnapshots joins snapshots of one kind.
func joinSnapshots(a, b Gift) Gift {
	if a.saysNothing() && b.saysNothing() {
		return Gift{}
	}
	g := a
	if compareSnapshots(b, a) > 0 {
		g = b
	}
	if g.UpdatedAt = a.UpdatedAt; b.UpdatedAt.After(a.UpdatedAt) {
		g.UpdatedAt = b.UpdatedAt
	}
	all := joinStatuses(a, b)
	g.Status, g.RawStatus, g.StatusAsOf, g.Lesser = all[0].Status, all[0].RawStatus, Origin{}, nil
	if len(all) > 1 {
		g.Lesser = all[1:]
	}
	if o := all[0].Origin; compareOrigins(o, g.origin()) != 0 {
		g.StatusAsOf = o
	}
	g.Known, g.KnownAs = joinKnown(a, b)
	if g.Status.Rank() > 0 {
		g.Known, g.KnownAs = "", Origin{}
	}
	g.Times, g.AsOf = joinTimes(a, b, g.origin())
	return g
}

// compareSnapshots orders snapshots of one kind by their origin, and then by
// all fields that are not joined separately, so that only equal ones compare
// equal. No snapshot comes first.
func compareSnapshots(a, b Gift) int {
	return cmp.Or(
		compareBools(!a.saysNothing(), !b.saysNothing()),
		compareOrigins(a.origin(), b.origin()),
		compareContents(a, b),
	)
}

// compareContents orders the fields that are not joined separately. A message
// with its text comes after its digest alone.
func compareContents(a, b Gift) int {
	return cmp.Or(
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

// readings returns the status of snapshots of one kind, and the lesser ones.
func (g Gift) readings() []Reading {
	return append([]Reading{{g.Status, g.RawStatus, g.statusOrigin()}}, g.Lesser...)
}

// joinStatuses returns the statuses that snapshots of one kind state: the
// newest, or of one version the furthest. Without versions, the furthest is
// followed by those that were read later.
func joinStatuses(a, b Gift) []Reading {
	all := slices.Concat(a.readings(), b.readings())
	slices.SortFunc(all, func(x, y Reading) int { return compareStated(y, x) })
	kept := all[:1:1]
	if !a.Derived && !b.Derived {
		return kept
	}
	for _, r := range all[1:] {
		if r.Status.Rank() > 0 && r.Origin.ReadAt.After(kept[len(kept)-1].Origin.ReadAt) {
			kept = append(kept, r)
		}
	}
	return kept
}

// compareStated orders statuses: by version, and of one version the further
// comes later.
func compareStated(a, b Reading) int {
	return cmp.Or(
		a.Origin.Version.Compare(b.Origin.Version),
		cmp.Compare(a.Status.Rank(), b.Status.Rank()),
		compareReadings(a.Origin, b.Origin),
		cmp.Compare(a.Status, b.Status),
		cmp.Compare(a.RawStatus, b.RawStatus),
	)
}

// lastKnown returns the newest status whose word we know of snapshots of one
// kind; its status is "" if there is none.
func (g Gift) lastKnown() Reading {
	if g.Status.Rank() > 0 {
		return Reading{g.Status, g.RawStatus, g.statusOrigin()}
	}
	return Reading{Status: g.Known, Origin: g.KnownAs}
}

// joinKnown returns the newest known status of both gifts and its origin.
func joinKnown(a, b Gift) (Status, Origin) {
	known, other := a.lastKnown(), b.lastKnown()
	if known.Status == "" || other.Status != "" && compareStated(other, known) > 0 {
		known = other
	}
	return known.Status, known.Origin
}

// joinTimes returns, for each status, the time that the newest snapshot to
// give one gave, and the origins of those that are not from own.
func joinTimes(a, b Gift, own Origin) (times map[Status]time.Time, asOf map[Status]Origin) {
	for _, s := range statuses[:len(statuses)-1] {
		at, origin := a.Times[s], a.timeOrigin(s)
		if bt, bo := b.Times[s], b.timeOrigin(s); at.IsZero() ||
			!bt.IsZero() && cmp.Or(compareOrigins(bo, origin), bt.Compare(at)) > 0 {
			at, origin = bt, bo
		}
		if at.IsZero() {
			continue
		}
		if times == nil {
			times = make(map[Status]time.Time)
		}
		times[s] = at
		if compareOrigins(origin, own) == 0 {
			continue
		}
		if asOf == nil {
			asOf = make(map[Status]Origin)
		}
		asOf[s] = origin
	}
	return times, asOf
}

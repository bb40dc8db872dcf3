package sync

import (
	"maps"
	"time"

	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi"
)

// clockSlack is how far after the source's clock a stamp may lie and still be
// believed: clocks differ.
const clockSlack = 10 * time.Minute

// A reading is the occasion on which rows were read: an answer of the API, an
// export file, or the answer that a row of the quarantine is from.
type reading struct {
	at     time.Time // by our clock: the place of the rows among those of other readings
	clock  time.Time // of the source; ours where it shows none that can be believed
	dated  bool      // the clock is the source's
	source int       // place of the API key in the configuration
}

// readNow is the reading of an answer that has just arrived, with the source's
// clock, zero where it shows none. One that is more than a day behind ours may be that
// of something between us, and would have us leave out what is right.
func readNow(date time.Time, source int) reading {
	now := time.Now().UTC()
	r := reading{at: now, clock: date.UTC(), dated: true, source: source}
	if date.IsZero() || now.Sub(date) > daily {
		r.clock, r.dated = now, false
	}
	return r
}

// believes reports whether something can have happened at t: not after the
// source's clock.
func (r reading) believes(t time.Time) bool { return !t.After(r.clock.Add(clockSlack)) }

// A seenGift is a gift as a row shows it.
type seenGift struct {
	gift    plan.Gift
	missing thnksapi.FieldSet // fields that the row lacks
	dropped thnksapi.FieldSet // fields whose value could not be used
}

// thawed returns a gift of the journal without the stamps that cannot be
// believed at clock, but for planned dates. A version from the future would keep
// every later reading away; without it, the next one counts.
func thawed(g plan.Gift, clock time.Time) plan.Gift {
	limit := clock.Add(clockSlack)
	if g.UpdatedAt.After(limit) {
		g.UpdatedAt, g.ReadAt, g.Source, g.Derived = time.Time{}, time.Time{}, 0, false
	}
	for _, o := range []*plan.Origin{&g.KnownAs, &g.StatusAsOf} {
		if o.Version.After(limit) {
			*o = plan.Origin{}
		}
	}
	g.Times, g.AsOf = maps.Clone(g.Times), maps.Clone(g.AsOf)
	maps.DeleteFunc(g.Times, func(s plan.Status, at time.Time) bool { return s != plan.Scheduled && at.After(limit) })
	maps.DeleteFunc(g.AsOf, func(s plan.Status, o plan.Origin) bool {
		_, dated := g.Times[s]
		return !dated || o.Version.After(limit)
	})
	if g.Behind != nil {
		behind := thawed(*g.Behind, clock)
		g.Behind = &behind
	}
	return g
}

// isFrozen reports whether a gift of the journal has a stamp that cannot be
// believed at clock.
func isFrozen(g plan.Gift, clock time.Time) bool {
	limit := clock.Add(clockSlack)
	if g.UpdatedAt.After(limit) || g.KnownAs.Version.After(limit) || g.StatusAsOf.Version.After(limit) {
		return true
	}
	for s, at := range g.Times {
		if s != plan.Scheduled && at.After(limit) || g.AsOf[s].Version.After(limit) {
			return true
		}
	}
	return g.Behind != nil && isFrozen(*g.Behind, clock)
}

// fill returns the gift with the fields that its row says nothing of as the
// journal has them.
func fill(g, have plan.Gift, silent thnksapi.FieldSet) plan.Gift {
	for _, f := range []struct {
		field thnksapi.FieldSet
		keep  func()
	}{
		{thnksapi.FieldRequestID, func() { g.RequestID = have.RequestID }},
		{thnksapi.FieldGiftName, func() { g.Name = have.Name }},
		{thnksapi.FieldGiftType, func() { g.Type = have.Type }},
		{thnksapi.FieldAmount, func() { g.Amount = have.Amount }},
		{thnksapi.FieldMessage, func() { g.Message, g.MessageDigest = have.Message, have.MessageDigest }},
		{thnksapi.FieldTrackingURL, func() { g.TrackingURL = have.TrackingURL }},
		{thnksapi.FieldSenderName, func() { g.Sender.Name = have.Sender.Name }},
		{thnksapi.FieldSenderEmail, func() { g.Sender.Email = have.Sender.Email }},
		{thnksapi.FieldSenderPhone, func() { g.Sender.Phone = have.Sender.Phone }},
		{thnksapi.FieldRecipientName, func() { g.Recipient.Name = have.Recipient.Name }},
		{thnksapi.FieldRecipientEmail, func() { g.Recipient.Email = have.Recipient.Email }},
		{thnksapi.FieldRecipientPhone, func() { g.Recipient.Phone = have.Recipient.Phone }},
		{thnksapi.FieldStatus, func() { g = g.WithStatusOf(have) }},
		{thnksapi.FieldCreatedAt, func() { g.CreatedAt = have.CreatedAt }},
	} {
		if silent.Has(f.field) {
			f.keep()
		}
	}
	if silent.Has(thnksapi.FieldCurrency) && g.Amount.Currency == "" && g.Amount.Value.Equal(have.Amount.Value) {
		g.Amount.Currency = have.Amount.Currency
	}
	return g
}

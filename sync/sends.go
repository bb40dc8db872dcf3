package sync

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
)

// A gift that we send is in HubSpot before Thnks lists its transaction: its record has
// send-<id of the send> as its transaction id. When the transaction appears, the record
// is re-keyed. Either is recorded in the journal before HubSpot is written:
//
//	the ledger says that a gift is scheduled, sent, …   its record is to be shown
//	create by key send-r                                a repeat after a crash finds it
//	commit: the journal has send-r, and it is shown
//	a listing has T, which could be r                   pairs by package plan
//	commit: the journal has T in the place of send-r, to be written in full; the ledger has T
//	update by record id, the key included               a repeat after a crash writes the same
//
// So at no time a listed transaction finds neither its own record nor the send's.

// Ledger holds the gifts that the program sends itself. [*store.Store] is one. What
// HubSpot shows of them is recorded by the journal's Commit.
type Ledger interface {
	Send(id string) (store.Send, bool, error)
	OpenSends() ([]store.Send, error)
	UnshownSends() ([]store.Send, error)
	SendsDoubted() (bool, error)
}

// What a record says of a send of which nothing was sent, or perhaps nothing.
const (
	rawUnknown   = "outcome unknown"
	rawNotSent   = "not sent"
	rawRefused   = "refused"
	rawCancelled = "cancelled"
)

// sentGift is the gift of a send as its record shows it. It has no version, so that
// whatever Thnks says of it counts before it.
func sentGift(s store.Send) plan.Gift {
	g := plan.Gift{
		ID: giftIDOf(s), RequestID: s.ThnksRequest,
		Name: s.GiftName, Amount: s.Price, Message: s.Message,
		Sender:    plan.Person{Email: s.Sender},
		Recipient: plan.Person{Name: strings.TrimSpace(s.FirstName + " " + s.LastName), Email: s.Recipient},
		Status:    plan.Scheduled, CreatedAt: s.Created, Times: make(map[plan.Status]time.Time),
	}
	if !s.At.IsZero() {
		g.Times[plan.Scheduled] = s.At
	}
	switch s.State {
	case store.SendSent:
		g.Status, g.Times[plan.Sent] = plan.Sent, s.When()
	case store.SendUnknown:
		g.Status, g.RawStatus, g.Times[plan.Scheduled] = plan.Unknown, rawUnknown, s.When()
	case store.SendNotSent:
		g.Status, g.RawStatus, g.Times = plan.Unknown, rawNotSent, nil
	case store.SendRefused:
		g.Status, g.RawStatus, g.Times = plan.Unknown, rawRefused, nil
	case store.SendCancelled:
		g.Status, g.RawStatus, g.Times = plan.Unknown, rawCancelled, nil
	default:
		g.Times[plan.Scheduled] = s.When()
	}
	if s.TransactionID != "" { // Thnks says when it was to be sent, if ever
		delete(g.Times, plan.Scheduled)
	}
	return g
}

// isShown reports whether a send gets a record where it has none: not if nothing was
// or will be sent, nor if its recipient was erased.
func isShown(s store.Send) bool {
	switch s.State {
	case store.SendScheduled, store.SendSending, store.SendUnknown, store.SendSent:
		return s.Recipient != ""
	}
	return false
}

// ShowSends writes into HubSpot what the ledger of sends says and HubSpot does not show
// yet. It works concurrently with a run of the same engine. Before the first run it
// does nothing: what HubSpot holds is not known then.
func (e *Engine) ShowSends(ctx context.Context) (EventResult, error) {
	if e.cfg.Sends == nil {
		return EventResult{}, nil
	}
	due, err := e.cfg.Sends.UnshownSends()
	if err != nil || len(due) == 0 {
		return EventResult{}, err
	}
	r := e.newRun(Request{Mode: byEvents})
	ready, lacking, err := takesEvents(r)
	if err == nil && ready {
		err = showSends(ctx, r)
	}
	if err != nil {
		err = fmt.Errorf("portal %s: showing gifts that were sent: %w", e.cfg.Portal, Classify(err))
	}
	return EventResult{Lacking: lacking}, err
}

// showSends writes what is to be shown, once the journal knows what HubSpot holds.
func showSends(ctx context.Context, r *run) error {
	if r.cfg().Sends == nil || r.req.DryRun {
		return nil
	}
	due, err := r.cfg().Sends.UnshownSends()
	if err != nil || len(due) == 0 {
		return err
	}
	if known, err := JournalKnown(r.journal); err != nil || !known {
		return err
	}
	// An older state file does not know of records that a newer one has made and
	// re-keyed: it makes none before a person has looked.
	doubted, err := r.cfg().Sends.SendsDoubted()
	if err != nil {
		return err
	}
	// They come before all else that a run does: the one at which HubSpot fails must not
	// keep everything behind it from being done.
	return showThese(hubspot.WithCulprits(ctx, hubspot.NewSuspects(maxCulprits)), r, due, !doubted)
}

// showThese writes the records of some sends, in slices. Records are made where create
// is set.
func showThese(ctx context.Context, r *run, sends []store.Send, create bool) error {
	for some := range slices.Chunk(sends, r.cfg().Bounds.SliceGifts) {
		if err := rekeyNamed(ctx, r, some); err != nil {
			return err
		}
		p := &sendPlanner{create: create, sends: make(map[string]store.Send, len(some))}
		for _, s := range some {
			now, there, err := r.cfg().Sends.Send(s.ID)
			if err != nil {
				return err
			}
			if there {
				p.sends[giftIDOf(now)] = now
			}
		}
		if err := p.work(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// giftIDOf is the transaction id of a send's record.
func giftIDOf(s store.Send) string { return cmp.Or(s.TransactionID, plan.SendGiftID(s.ID)) }

// A sendPlanner plans the records of sends.
type sendPlanner struct {
	create bool                  // records where there are none
	adopt  bool                  // records that are to be re-keyed at once, and say nothing new
	sends  map[string]store.Send // by the transaction id of the record
	given  map[string]plan.Given // by the same
}

// work writes the records of the planner's sends.
func (p *sendPlanner) work(ctx context.Context, r *run) error {
	p.given = make(map[string]plan.Given)
	in := input{policy: policy{owed: true, searchFirst: true, tryQuarantined: true}, planner: p}
	for _, id := range slices.Sorted(maps.Keys(p.sends)) {
		g := sentGift(p.sends[id])
		g.ID = id
		in.gifts = append(in.gifts, g)
	}
	_, err := r.work(ctx, in, nil, store.Commit{})
	return err
}

// first takes out the sends that have changed since they were read, which stay to be
// shown, and those that need no record.
func (p *sendPlanner) first(ctx context.Context, b *batch) ([]plan.Change, []string, error) {
	if !p.adopt {
		b.res.sends = maps.Clone(p.sends)
	}
	unsent, err := p.unrecorded(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	var gifts []plan.Gift
	for _, g := range b.loaded.gifts {
		s := p.sends[g.ID]
		now, there, err := b.run.cfg().Sends.Send(s.ID)
		if err != nil {
			return nil, nil, err
		}
		have, recorded := b.loaded.have[g.ID]
		_, unnamed := plan.SendOf(g.ID)
		_, found := unsent[g.ID]
		switch {
		case !there || !reflect.DeepEqual(now, s):
		case !recorded && isShown(s) && !p.create:
		case !recorded && !isShown(s) && !found, recorded && !unnamed && have.Mapping == b.run.rules().Mapping():
			b.res.showSend(g.ID)
		case recorded && !unnamed && !have.Gift.UpdatedAt.IsZero(): // what Thnks says of it counts
			gifts = append(gifts, have.Gift)
		default:
			gifts = append(gifts, g)
		}
	}
	b.loaded.gifts = gifts
	if err := p.readGiven(ctx, b); err != nil {
		return nil, nil, err
	}
	changes := p.plan(b)
	var need []string
	for _, c := range changes {
		created := c.Action == plan.Create && p.given[c.Gift.ID].Contact.ID == ""
		if created || c.Action == plan.Update && c.Orphan != "" {
			need = appendAddress(b.run, need, c.Gift)
		}
	}
	return changes, need, nil
}

// unrecorded returns the records that HubSpot has of sends that get none and that the
// journal does not have: an earlier process may have died before it could say that it
// had made them.
func (p *sendPlanner) unrecorded(ctx context.Context, b *batch) (map[string]portal.Record, error) {
	var ids []string
	for _, g := range b.loaded.gifts {
		if _, recorded := b.loaded.have[g.ID]; !recorded && !isShown(p.sends[g.ID]) {
			ids = append(ids, g.ID)
		}
	}
	return b.run.portal.Records.ByGift(ctx, ids)
}

// second plans the records with their links.
func (p *sendPlanner) second(ctx context.Context, b *batch, _ []plan.Change) ([]plan.Change, error) {
	changes := p.plan(b)
	return changes, b.preferLinkedContacts(ctx, changes, nil)
}

func (p *sendPlanner) plan(b *batch) []plan.Change {
	changes := make([]plan.Change, len(b.loaded.gifts))
	for i, g := range b.loaded.gifts {
		have, recorded := b.loaded.have[g.ID]
		changes[i] = plan.MakeSend(g, have, recorded, p.given[g.ID], b.who, b.run.rules())
	}
	return changes
}

// readGiven reads the HubSpot records that were named when gifts were sent that have no
// record yet. One that HubSpot does not have is left out.
func (p *sendPlanner) readGiven(ctx context.Context, b *batch) error {
	var contacts, companies, deals []string
	for _, g := range b.loaded.gifts {
		if _, recorded := b.loaded.have[g.ID]; recorded {
			continue
		}
		s := p.sends[g.ID]
		contacts = appendID(contacts, s.Contact)
		companies = appendID(companies, s.Company)
		deals = append(deals, s.Deals...)
	}
	if len(contacts)+len(companies)+len(deals) == 0 {
		return nil
	}
	named, err := portal.ReadNamed(ctx, b.run.portal.Directory, portal.Naming{Contacts: contacts, Companies: companies, Deals: deals})
	if err != nil {
		return err
	}
	for _, g := range b.loaded.gifts {
		s := p.sends[g.ID]
		given := plan.Given{Contact: named.Contacts[s.Contact], Company: named.Companies[s.Company]}
		for _, id := range s.Deals {
			if d, ok := named.Deals[id]; ok {
				given.Deals = append(given.Deals, d)
			}
		}
		if s.Contact != "" && given.Contact.ID == "" || s.Company != "" && given.Company == "" || len(given.Deals) < len(s.Deals) {
			b.run.log.Warn("a HubSpot record that was named for a gift is not there; the gift is linked without it", logTransaction, g.ID)
		}
		p.given[g.ID] = given
	}
	return nil
}

func appendID(ids []string, id string) []string {
	if id == "" {
		return ids
	}
	return append(ids, id)
}

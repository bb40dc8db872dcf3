package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

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
		ID: cmp.Or(s.TransactionID, plan.SendGiftID(s.ID)), RequestID: s.ThnksRequest,
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

// lostSend is the send of an earlier state file that a record in HubSpot shows, and
// false where it was stopped. What may have been sent since is unknown.
func lostSend(s plan.Stored, now time.Time) (lost store.Send, ok bool) {
	id, ok := plan.SendOf(s.Gift.ID)
	if !ok || !s.Deleted.IsZero() || plan.NeverSent(s.Gift) {
		return store.Send{}, false
	}
	g := s.Gift
	at := cmp.Or(g.Times[plan.Sent], g.Times[plan.Scheduled], now)
	request, _, _ := strings.Cut(id, ".")
	lost = store.Send{
		ID: id, Request: request, Cause: "rebuild",
		GiftName: g.Name, Price: g.Amount, Sender: g.Sender.Email, Recipient: g.Recipient.Email, Message: g.Message,
		State: store.SendUnknown, Reason: "the state file was rebuilt from HubSpot's records, and an earlier one may have sent this",
		Created: at, Begun: at,
	}
	if g.Shown() == plan.Sent {
		lost.State, lost.Reason = store.SendSent, ""
	}
	return lost, true
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
	return showThese(ctx, r, due, !doubted)
}

// showThese writes the records of some sends, in slices. Records are made where create
// is set.
func showThese(ctx context.Context, r *run, sends []store.Send, create bool) error {
	for some := range slices.Chunk(sends, r.cfg().Bounds.SliceGifts) {
		if err := rekeyNamed(ctx, r, some); err != nil {
			return err
		}
		p := &sendPlanner{create: create, sends: make(map[string]store.Send, len(some)), given: make(map[string]plan.Given)}
		in := input{policy: policy{owed: true, searchFirst: true, tryQuarantined: true}, planner: p}
		for _, s := range some {
			s, there, err := r.cfg().Sends.Send(s.ID)
			if err != nil {
				return err
			}
			if !there {
				continue
			}
			g := sentGift(s)
			p.sends[g.ID] = s
			in.gifts = append(in.gifts, g)
		}
		if _, err := r.work(ctx, in, nil, store.Commit{}); err != nil {
			return err
		}
	}
	return nil
}

// A sendPlanner plans the records of sends.
type sendPlanner struct {
	create bool                  // records where there are none
	sends  map[string]store.Send // by the transaction id of the record
	given  map[string]plan.Given // by the same
}

// first takes out the sends that have changed since they were read, which stay to be
// shown, and those that need no record.
func (p *sendPlanner) first(ctx context.Context, b *batch) ([]plan.Change, []string, error) {
	b.res.sends = p.sends
	var gifts []plan.Gift
	for _, g := range b.loaded.gifts {
		s := p.sends[g.ID]
		now, there, err := b.run.cfg().Sends.Send(s.ID)
		if err != nil {
			return nil, nil, err
		}
		have, recorded := b.loaded.have[g.ID]
		_, unnamed := plan.SendOf(g.ID)
		switch {
		case !there || !reflect.DeepEqual(now, s):
		case !recorded && !p.create && isShown(s):
		case !recorded && !isShown(s), recorded && !unnamed && have.Mapping == b.run.rules().Mapping():
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

// rekeyNamed re-keys the records of sends whose transactions Thnks has named in its
// answer, or that appeared in a run that did not get further.
func rekeyNamed(ctx context.Context, r *run, sends []store.Send) error {
	var named []joined
	var ids []string
	for _, s := range sends {
		if s.TransactionID != "" {
			named = append(named, joined{send: s.ID, transaction: s.TransactionID})
			ids = append(ids, plan.SendGiftID(s.ID))
		}
	}
	have, err := r.journal.Gifts(ids)
	if err != nil {
		return err
	}
	return rekeySends(ctx, r, slices.DeleteFunc(named, func(p joined) bool {
		_, recorded := have[plan.SendGiftID(p.send)]
		return !recorded
	}))
}

// joined is a send whose transaction is known.
type joined struct{ send, transaction string }

// joinSends looks for the transactions of open sends among gifts that the journal does
// not have, and makes the records of these sends theirs. Where Thnks shows a transaction
// before the send's record is made, that is made first: then there is one record,
// linked to what was named for it.
func joinSends(ctx context.Context, r *run, gifts []plan.Gift) error {
	if r.cfg().Sends == nil || len(gifts) == 0 {
		return nil
	}
	for {
		err := tryJoin(ctx, r, gifts)
		if !errors.Is(err, store.ErrSendMoved) {
			return err
		}
	}
}

// tryJoin is joinSends, and fails with [store.ErrSendMoved] where a send has changed
// meanwhile.
func tryJoin(ctx context.Context, r *run, gifts []plan.Gift) error {
	open, err := r.cfg().Sends.OpenSends()
	if err != nil {
		return err
	}
	unshown, err := r.cfg().Sends.UnshownSends()
	if err != nil || len(open)+len(unshown) == 0 {
		return err
	}
	fresh, err := unknownGifts(r, gifts)
	if err != nil || len(fresh) == 0 {
		return err
	}
	var named []store.Send
	for _, s := range unshown {
		if _, ok := fresh[s.TransactionID]; ok {
			named = append(named, s)
			delete(fresh, s.TransactionID)
		}
	}
	if !r.req.DryRun {
		if err := showThese(ctx, r, named, true); err != nil {
			return err
		}
	}
	pairs := appeared(open, fresh)
	if len(pairs) == 0 {
		return nil
	}
	if err := showUnrecorded(ctx, r, open, pairs); err != nil {
		return err
	}
	if err := rekeySends(ctx, r, pairs); err != nil || r.req.DryRun {
		return err
	}
	r.log.Info("transactions of gifts that were sent have appeared", logCount, len(pairs))
	return nil
}

// unknownGifts returns those of the gifts that the journal does not have, by
// transaction id, without those whose recipients were erased.
func unknownGifts(r *run, gifts []plan.Gift) (map[string]plan.Gift, error) {
	have, err := r.journal.Gifts(giftIDs(gifts))
	if err != nil {
		return nil, err
	}
	fresh := make(map[string]plan.Gift)
	for _, g := range gifts {
		if _, known := have[g.ID]; !known && partiesOf(r.cfg().Suppressed, g)&plan.Recipient == 0 {
			fresh[g.ID] = g
		}
	}
	return fresh, nil
}

// appeared pairs open sends with transactions, sorted by send.
func appeared(open []store.Send, fresh map[string]plan.Gift) (pairs []joined) {
	var sends []plan.OpenSend
	for _, s := range open {
		switch s.State {
		case store.SendSending, store.SendUnknown, store.SendSent:
			sends = append(sends, plan.OpenSend{ID: s.ID, Gift: sentGift(s), At: s.When(), Certain: s.State == store.SendSent})
		}
	}
	var seen []plan.Gift
	for _, g := range fresh {
		seen = append(seen, g)
	}
	for send, transaction := range plan.Appeared(sends, seen) {
		pairs = append(pairs, joined{send, transaction})
	}
	slices.SortFunc(pairs, func(a, b joined) int { return strings.Compare(a.send, b.send) })
	return pairs
}

// showUnrecorded makes the records of sends whose transactions have appeared before
// them. There is none to make where HubSpot has a record of the transaction, which an
// earlier state file knew.
func showUnrecorded(ctx context.Context, r *run, open []store.Send, pairs []joined) error {
	if r.req.DryRun {
		return nil
	}
	ids := make([]string, len(pairs))
	transactions := make(map[string]string, len(pairs))
	for i, p := range pairs {
		ids[i], transactions[p.send] = plan.SendGiftID(p.send), p.transaction
	}
	have, err := r.journal.Gifts(ids)
	if err != nil {
		return err
	}
	var lacking []store.Send
	var sought []string
	for _, s := range open {
		if _, recorded := have[plan.SendGiftID(s.ID)]; !recorded && transactions[s.ID] != "" {
			lacking, sought = append(lacking, s), append(sought, transactions[s.ID])
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	records, err := r.portal.Records.ByGift(ctx, sought)
	if err != nil {
		return err
	}
	return showThese(ctx, r, slices.DeleteFunc(lacking, func(s store.Send) bool {
		_, there := records[transactions[s.ID]]
		return there
	}), true)
}

// rekeySends puts the transactions of sends into the journal in the place of the sends,
// and into the ledger. The records stay the same, and their next reading writes them in
// full, the unique property included: if we crash before that, the journal's stale mark
// is still there. A dry run only foresees it.
func rekeySends(ctx context.Context, r *run, pairs []joined) error {
	if len(pairs) == 0 {
		return nil
	}
	var ids, transactions []string
	for _, p := range pairs {
		ids, transactions = append(ids, plan.SendGiftID(p.send)), append(transactions, p.transaction)
	}
	have, err := r.journal.Gifts(ids)
	if err != nil {
		return err
	}
	var records map[string]portal.Record // of the transactions
	if len(have) > 0 {
		if records, err = r.portal.Records.ByGift(ctx, transactions); err != nil {
			return err
		}
	}
	ids = append(ids, transactions...)
	return r.withLocked(ctx, ids, func() error {
		have, err := r.journal.Gifts(ids)
		if err != nil {
			return err
		}
		now := time.Now().UTC()
		var c store.Commit
		for _, p := range pairs {
			id := plan.SendGiftID(p.send)
			st, recorded := have[id]
			_, known := have[p.transaction]
			record, there := records[p.transaction]
			c.Joined = append(c.Joined, store.SendJoin{ID: p.send, TransactionID: p.transaction, At: now})
			c.Healed = append(c.Healed, id)
			if !recorded {
				continue
			}
			c.Removed = append(c.Removed, id)
			if known || there && record.ID != st.ObjectID {
				r.log.Warn("a gift that was sent has two records: delete the one that is named here in HubSpot", logTransaction, p.transaction, logObject, st.ObjectID)
				continue
			}
			c.Gifts = append(c.Gifts, st.Rekeyed(p.transaction))
			c.Audit = append(c.Audit, store.AuditEntry{At: now, Run: r.id, Action: "send joined", TransactionIDs: []string{id, p.transaction}})
		}
		if f, ok := r.journal.(foreseenJournal); ok {
			f.foresee(c.Gifts)
		}
		return r.recorder.Commit(c)
	})
}

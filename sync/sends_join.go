package sync

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
)

// rekeyNamed re-keys the records of sends whose transactions Thnks has named in its
// answer, or that appeared in a run that did not get further. A record that an earlier
// process has made, and died before it could say so, is found in HubSpot first.
func rekeyNamed(ctx context.Context, r *run, sends []store.Send) error {
	named := make(map[string]store.Send) // by the transaction id of the send
	var ids []string
	for _, s := range sends {
		if s.TransactionID != "" {
			named[plan.SendGiftID(s.ID)] = s
			ids = append(ids, plan.SendGiftID(s.ID), s.TransactionID)
		}
	}
	have, err := r.journal.Gifts(ids)
	if err != nil {
		return err
	}
	lost := &sendPlanner{create: true, adopt: true, sends: make(map[string]store.Send)}
	var pairs []joined
	for id, s := range named {
		_, recorded := have[id]
		_, known := have[s.TransactionID]
		switch {
		case recorded:
		case known:
			continue
		default:
			lost.sends[id] = s
		}
		pairs = append(pairs, joined{s.ID, s.TransactionID})
	}
	if len(lost.sends) > 0 {
		records, err := r.portal.Records.ByGift(ctx, slices.Sorted(maps.Keys(lost.sends)))
		if err != nil {
			return err
		}
		maps.DeleteFunc(lost.sends, func(id string, _ store.Send) bool { _, there := records[id]; return !there })
		if err := lost.work(ctx, r); err != nil {
			return err
		}
	}
	slices.SortFunc(pairs, func(a, b joined) int { return strings.Compare(a.send, b.send) })
	return rekeySends(ctx, r, slices.DeleteFunc(pairs, func(p joined) bool {
		_, recorded := have[plan.SendGiftID(p.send)]
		_, found := lost.sends[plan.SendGiftID(p.send)]
		return !recorded && !found
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
		if !errors.Is(err, store.ErrSendMoved) || ctx.Err() != nil {
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
		if s.Joinable() {
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

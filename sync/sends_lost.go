package sync

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// A state file that was lost, or that an older one has replaced, does not know which gifts
// were sent. Their records in HubSpot do, until their transactions appear. A rebuild reads
// all records anyway; after a restore a run looks for those of sends, before it or an event
// takes a transaction for a new gift.

// How a state file came to know less than HubSpot shows.
type forgetting struct{ cause, reason string }

var (
	rebuilt  = forgetting{"rebuild", "the state file was rebuilt from HubSpot's records, and an earlier one may have sent this"}
	restored = forgetting{"restore", "the state file is an older one that was put back, and a newer one may have sent this"}
)

// What a record in HubSpot says that an older state file did not know.
const (
	sentSince    = "the state file is an older one that was put back, and HubSpot's record says that the gift was sent"
	stoppedSince = "the state file is an older one that was put back, and HubSpot's record says that the gift was stopped or not sent"
)

// lostSend is the send of another state file that a record in HubSpot shows, and
// false where it was stopped. What may have been sent since is unknown.
func lostSend(s plan.Stored, now time.Time, how forgetting) (lost store.Send, ok bool) {
	id, ok := plan.SendOf(s.Gift.ID)
	if !ok || !s.Deleted.IsZero() || plan.NeverSent(s.Gift) {
		return store.Send{}, false
	}
	g := s.Gift
	at := cmp.Or(g.Times[plan.Sent], g.Times[plan.Scheduled], now)
	request, _, _ := strings.Cut(id, ".")
	lost = store.Send{
		ID: id, Request: request, Cause: how.cause,
		GiftName: g.Name, Price: g.Amount, Sender: g.Sender.Email, Recipient: g.Recipient.Email, Message: g.Message,
		State: store.SendUnknown, Reason: how.reason,
		Created: at, Begun: at,
	}
	if g.Shown() == plan.Sent {
		lost.State, lost.Reason = store.SendSent, ""
	}
	return lost, true
}

// lookForSends takes what HubSpot shows of sends into the journal and the ledger of an older
// state file that was put back, where that is still owed. Where the journal is to be rebuilt,
// the rebuild does it. An interrupted look begins anew, and finds what it took already.
// Records of transactions are not looked at: whose sends they were HubSpot does not hold.
func lookForSends(ctx context.Context, r *run) error {
	if r.cfg().Sends == nil || r.req.DryRun || r.mode == Adopt { // which may be what makes records readable
		return nil
	}
	var owed bool
	if _, err := Recall(r.journal, store.SendsOwedEntry, &owed); err != nil || !owed {
		return err
	}
	if begun, err := journalBegun(r.journal); err != nil || !begun {
		return err
	}
	r.log.Info("the state file is an older one: looking in HubSpot for gifts that were sent since")
	for cursor, more := "", true; more; {
		l, err := r.portal.Records.List(ctx, cursor, false)
		if err != nil {
			return fmt.Errorf("looking in HubSpot for gifts that the state file does not know: %w", err)
		}
		sent := slices.DeleteFunc(l.Gifts, func(s plan.Stored) bool { _, ours := plan.SendOf(s.Gift.ID); return !ours })
		for some := range slices.Chunk(sent, commitGifts) {
			if err := takeSends(ctx, r, some); err != nil {
				return err
			}
		}
		if cursor, more = l.Next, l.Next != ""; more {
			if err := r.turn.Round(ctx); err != nil {
				return err
			}
		}
	}
	if err := r.recorder.Commit(store.Commit{Meta: sendsFound()}); err != nil {
		return err
	}
	_, err := finishErasures(ctx, r) // of people whose gifts are known only now
	return err
}

// takeSends takes records of sends, as HubSpot has them, into the journal and the ledger.
func takeSends(ctx context.Context, r *run, records []plan.Stored) error {
	ids := storedIDs(records)
	return r.withLocked(ctx, ids, func() error {
		have, err := r.journal.Gifts(ids)
		if err != nil {
			return err
		}
		if err := stayErased(r, records); err != nil {
			return err
		}
		var c store.Commit
		for _, s := range records {
			id, _ := plan.SendOf(s.Gift.ID)
			of, known, err := r.cfg().Sends.Send(id)
			if err != nil {
				return err
			}
			if known && of.TransactionID != "" {
				continue // the journal has the record under the transaction's id already
			}
			was, recorded := have[s.Gift.ID]
			if !recorded {
				c.Gifts = append(c.Gifts, s)
			}
			if lost, ok := forgotten(s, of, known, r.started); ok {
				if recorded && was.Deleted.IsZero() && was.Erased.IsZero() { // as old as the ledger
					was.Gift, was.ObjectID = s.Gift, s.ObjectID
					if s.Mapping == 0 { // HubSpot may still have an erased sender
						was.Mapping = 0
					}
					c.Gifts = append(c.Gifts, was)
				}
				c.LostSends = append(c.LostSends, lost)
				c.Audit = append(c.Audit, store.AuditEntry{
					At: time.Now().UTC(), Run: r.id, Action: "send " + string(lost.State),
					TransactionIDs: []string{s.Gift.ID}, Reasons: []string{cmp.Or(lost.Reason, sentSince)},
				})
			}
		}
		return r.recorder.Commit(c)
	})
}

// forgotten is what the ledger is to say of the send of a record, and false where what it
// has, if the send is known to it, is enough: that it was begun or is over, or that it waits,
// as the record says too. Of a send that waited, and that the opening for sending made
// unknown, the record knows whether it was sent or stopped meanwhile.
func forgotten(s plan.Stored, have store.Send, known bool, now time.Time) (store.Send, bool) {
	doubted := known && have.IsDoubted()
	waits := known && (doubted || have.State == store.SendHeld || have.State == store.SendScheduled)
	switch {
	case known && !have.Begun.IsZero() && !doubted:
		return have, false
	case waits && plan.NeverSent(s.Gift):
		have.State, have.Guard, have.Reason, have.Begun, have.Ended = store.SendCancelled, "", stoppedSince, time.Time{}, now
		have.Message, have.FirstName, have.LastName = "", "", ""
		return have, true
	case waits && s.Gift.Shown() == plan.Scheduled:
		return have, false
	}
	return lostSend(s, now, restored)
}

package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/store/suppressed"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
)

// A Compaction says how large a state file was before and after, in bytes.
type Compaction = store.Compaction

// Archive is what an erasure needs of the state file beside the journal.
// [*store.Store] is one.
type Archive interface {
	Events(context.Context, store.EventFilter) iter.Seq2[store.Event, error]
	EventBody(seq uint64) (body []byte, ok bool, err error)
	Compact() (store.Compaction, error)
	Copies() ([]string, error)
	ForgetSummary() error // of the statistics, which has senders' addresses
	Sends(context.Context) iter.Seq2[store.Send, error]
	ChangeSend(from store.SendState, now store.Send, audit []store.AuditEntry) error
}

// A Person is who is to be erased.
type Person struct {
	Email string `json:"email"`
}

// An Erasure says what was done to erase a person. It names no one.
type Erasure struct {
	Portal      string           `json:"portal"`
	Person      string           `json:"person"`           // by which the log points to the person; several are separated by blanks
	Addresses   int              `json:"addresses"`        // that are suppressed from now on
	Received    int              `json:"gifts_received"`   // gifts whose recipient was removed from the state file
	Sent        int              `json:"gifts_sent"`       // gifts whose sender was removed from it
	Blanked     int              `json:"records_blanked"`  // records in HubSpot
	Deleted     int              `json:"records_deleted"`  // records that people deleted in HubSpot, where they can be restored for 90 days
	Refused     int              `json:"records_refused"`  // records that HubSpot does not let be blanked: the next run tries again
	Quarantined int              `json:"quarantined"`      // rows taken out of the quarantine
	Events      int              `json:"events"`           // webhook events that lost what they say
	Sends       int              `json:"sends"`            // sends of the ledger that lost their people; those that still waited are cancelled
	File        store.Compaction `json:"file"`             // the state file, which was compacted; zero if it was not
	Copies      []string         `json:"copies,omitempty"` // older copies of it beside it, which hold what they held
	At          time.Time        `json:"at"`
}

// erasing is the mode of a run that erases. No request asks for one.
const erasing Mode = "erase"

// Erase removes a person from the state file and from the records in HubSpot, and
// keeps him from coming back:
//
//  1. Put the addresses on the list of erased people, and on disk. From here on no
//     gift of theirs is written, whatever brings it.
//  2. Wait until all work that began before that has ended.
//  3. Remove the personal values from the journal, the quarantine and the inbox.
//  4. Compact the state file, so that its raw bytes do not hold them either.
//  5. Blank the records in HubSpot.
//
// It works beside a run, on gifts that it locks like events do. Repeated, or
// interrupted anywhere and followed by any run, it does the rest. The report is
// valid with an error too.
//
// Errors: a [*RequestError] if the person is not named well; a [*Fatal] error; what
// the journal, the list or HubSpot fail with.
func (e *Engine) Erase(ctx context.Context, who Person) (Erasure, error) {
	return e.eraseAll(ctx, []string{who.Email})
}

// eraseAll erases people by their addresses, all together.
func (e *Engine) eraseAll(ctx context.Context, emails []string) (Erasure, error) {
	e.erasing.Lock()
	defer e.erasing.Unlock()
	r := e.newRun(Request{Mode: erasing})
	rep := Erasure{Portal: e.cfg.Portal, At: r.started}
	if e.cfg.Archive == nil {
		return rep, errNoStateFile
	}
	err := newEraser(r, &rep).erase(hubspot.WithCulprits(hubspot.Urgent(ctx), hubspot.NewCulprits(maxCulprits)), emails)
	if err != nil {
		err = fmt.Errorf("portal %s: erasing a person: %w", e.cfg.Portal, Classify(err))
	}
	if listErr := r.recorder.Commit(listedErasure(r, rep, err)); listErr != nil && err == nil {
		err = listErr
	}
	r.log.Info("person erased", "person", rep.Person, "received", rep.Received, "sent", rep.Sent, "blanked", rep.Blanked,
		"refused", rep.Refused, "quarantined", rep.Quarantined, "events", rep.Events, "sends", rep.Sends, "complete", err == nil && rep.Refused == 0)
	return rep, err
}

// errNoStateFile says that no one can be erased from a journal that is no file.
var errNoStateFile = errors.New("there is no state file to erase anyone from")

// An eraser does the work of an erasure and fills its report in.
type eraser struct {
	run      *run
	list     Suppressed
	rep      *Erasure
	finished bool // everything that the list asks for was done
}

func newEraser(r *run, rep *Erasure) *eraser {
	return &eraser{run: r, list: r.cfg().Suppressed, rep: rep}
}

func (e *eraser) erase(ctx context.Context, emails []string) error {
	r, list := e.run, e.list
	addresses, err := suppress(list, emails)
	if err != nil {
		return err
	}
	people := make([]string, len(addresses))
	for i, a := range addresses {
		people[i] = list.Short(a)
	}
	e.rep.Addresses, e.rep.Person = len(addresses), strings.Join(people, " ")
	// What was locked before has not seen the list.
	if err := r.withAllLocked(ctx, func() error { return nil }); err != nil {
		return err
	}
	return e.apply(ctx, addresses)
}

// EraseLater puts a person on the list of erased people where a portal cannot be
// opened, and says so beside why. Nothing of the person is written any more, and the
// first run that begins does the rest of the erasure.
func EraseLater(list Suppressed, who Person, why error) error {
	if _, err := suppress(list, []string{who.Email}); err != nil {
		return errors.Join(why, err)
	}
	return fmt.Errorf("the person is on the list of erased people, so that nothing of them is copied any more; what is held is removed by the first run, or by this command, once this is put right: %w", why)
}

// suppress puts people on the list of erased people, and returns their addresses as
// the list has them.
func suppress(list Suppressed, emails []string) (addresses []string, err error) {
	for _, email := range emails {
		address, ok := plan.CanonicalEmail(email)
		if !ok {
			return nil, &RequestError{"what was given is no e-mail address: give it as name@example.com"}
		}
		addresses = append(addresses, address)
	}
	switch err := list.Refresh(); {
	case errors.Is(err, fs.ErrNotExist): // a lost one begins anew: see [lostSuppressed]
		if err := list.Create(); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, &Fatal{What: err.Error(), Remedy: "put back the newest copy of the file; if there is none, move the file aside and run `erase` again, for this person and for each who was erased before", Err: err}
	}
	return addresses, list.Add(addresses, nil, nil)
}

// finishErasures does what the list of erased people asks for and was not done. An
// erasure under way does it by itself. It reports whether it wrote the state file anew.
// Records that HubSpot does not let be blanked do not keep a run from the rest of its work,
// whose report then warns of them; nor do those that it neither finds nor confirms to be
// deleted: if it has no other record left, no run could ever confirm it.
func finishErasures(ctx context.Context, r *run) (compacted bool, err error) {
	due, err := readSuppressed(r.cfg().Suppressed, r.journal, r.req.DryRun)
	if err != nil || !due || r.req.DryRun || r.cfg().Archive == nil || !r.engine.erasing.TryLock() {
		return false, err
	}
	defer r.engine.erasing.Unlock()
	// A journal that is still to be rebuilt gets the gifts without the people, and
	// the next run blanks what HubSpot has.
	if n, err := r.journal.Count(); err != nil || n == 0 {
		return false, err
	}
	rep := Erasure{Portal: r.cfg().Portal, At: r.started}
	// It comes before all else that a run does: the record that HubSpot has failed to
	// blank may be the only one, and must not keep everything behind it from being done.
	ctx = hubspot.WithCulprits(ctx, hubspot.NewSuspects(maxCulprits))
	e := newEraser(r, &rep)
	err = e.apply(ctx, nil)
	refused := err == nil && rep.Refused > 0
	if refused {
		err = fmt.Errorf("HubSpot does not let %s of erased people be blanked (see the log): take away the rule, or the requirement, in HubSpot that wants a value there; a record at which HubSpot fails can be deleted", records(rep.Refused))
	}
	switch {
	case refused, canWait(err) && r.mode != byEvents && ctx.Err() == nil:
		r.log.Warn("an erasure could not be finished; the run goes on, and the next one tries again", logError, err)
		r.counts.deletions.erasure = err
	case err != nil:
		return false, fmt.Errorf("finishing an erasure: %w", err)
	case e.finished:
		r.counts.deletions.erasure = nil // an earlier part of the run could not
		r.log.Info("erasure finished that was interrupted, or that the state file did not know", "received", rep.Received, "sent", rep.Sent, "blanked", rep.Blanked)
	}
	return rep.File != (Compaction{}), nil
}

// canWait reports whether an erasure that ended with err may wait while the portal's other
// work goes on: HubSpot refuses to blank the records, or does not confirm that they are
// deleted.
func canWait(err error) bool {
	return errors.As(err, new(*hubspot.Systematic)) || errors.Is(err, errNotDeleted) && !IsFatal(err)
}

// apply removes everyone on the list from the state file and from
// HubSpot. addresses are those that were just put on it.
func (e *eraser) apply(ctx context.Context, addresses []string) error {
	r, rep, archive := e.run, e.rep, e.run.cfg().Archive
	// A journal that a run still fills may lack gifts of erased people: what it gets after
	// they were looked for, the next run erases.
	known, err := JournalKnown(r.journal)
	if err != nil {
		return err
	}
	ids, err := e.gifts(ctx)
	if err == nil {
		err = e.rows(ctx)
	}
	if err == nil {
		err = e.events(ctx)
	}
	under := false
	if err == nil {
		under, err = e.sends(ctx)
	}
	if err == nil {
		err = archive.ForgetSummary()
	}
	if err != nil {
		return err
	}
	mark := e.list.Mark()
	if err := e.compact(addresses, mark); err != nil {
		return err
	}
	if rep.Copies, err = archive.Copies(); err != nil {
		return err
	}
	for some := range slices.Chunk(ids, hubspot.BatchSize) {
		err := r.withLocked(ctx, some, func() error { return e.blank(ctx, some) })
		if errors.Is(err, errNotDeleted) {
			if backErr := r.counts.deletions.takeBack(ctx, r); backErr != nil {
				return fmt.Errorf("taking back what cannot be concluded (%v): %w", err, backErr)
			}
		}
		if err != nil {
			return fmt.Errorf("the state file holds nothing of the person any more, but the records in HubSpot do; the next run goes on with them: %w", err)
		}
	}
	if rep.Refused > 0 || under || !known {
		return nil // and the next run goes on with these
	}
	if err := r.memory().Remember(erasedEntry, mark); err != nil {
		return err
	}
	e.finished = true
	return nil
}

// compact writes the state file anew, and notes for which list. Where that was done for the
// list as it is, and nothing was left to remove, it does nothing: an erasure that waits for
// HubSpot costs each run no more than a look.
func (e *eraser) compact(addresses []string, mark suppressed.Mark) error {
	r, rep := e.run, e.rep
	var done suppressed.Mark
	if _, err := Recall(r.journal, compactedEntry, &done); err != nil {
		return err
	}
	removed := rep.Received + rep.Sent + rep.Quarantined + rep.Events + rep.Sends
	if done == mark && removed == 0 && len(addresses) == 0 {
		return nil
	}
	err := r.recorder.Commit(store.Commit{Unmissed: addresses, Audit: []store.AuditEntry{rep.entry(r)}})
	if err != nil {
		return err
	}
	if rep.File, err = r.cfg().Archive.Compact(); err != nil {
		return err
	}
	return r.memory().Remember(compactedEntry, mark)
}

// entry is the audit's entry of an erasure, which does not say whose it is.
func (rep *Erasure) entry(r *run) store.AuditEntry {
	return store.AuditEntry{
		At: time.Now().UTC(), Run: r.id, Action: portal.ActionErase,
		Reasons: []string{
			fmt.Sprintf("gifts received: %d", rep.Received), fmt.Sprintf("gifts sent: %d", rep.Sent),
			fmt.Sprintf("quarantined: %d", rep.Quarantined), fmt.Sprintf("events: %d", rep.Events), fmt.Sprintf("sends: %d", rep.Sends),
		},
	}
}

// gifts removes erased people from the journal, and returns the transactions
// whose records in HubSpot are to be blanked.
func (e *eraser) gifts(ctx context.Context) ([]string, error) {
	r, list, rep := e.run, e.list, e.rep
	found := make(map[string]plan.Party)
	var unlisted []string // erased under a list that was lost
	for s, err := range r.journal.After(ctx, "") {
		if err != nil {
			return nil, err
		}
		of := partiesOf(list, s.Gift)
		if !s.Erased.IsZero() {
			of |= plan.Recipient
			if !list.Received(s.Gift.ID) {
				unlisted = append(unlisted, s.Gift.ID)
			}
		}
		if of != 0 && (s.Mapping == 0 || plan.HoldsPersonal(s, of) || of&plan.Recipient != 0 && s.Erased.IsZero()) {
			found[s.Gift.ID] = of
		}
	}
	var received, sent []string
	ids := slices.Sorted(maps.Keys(found))
	for _, id := range ids {
		if found[id]&plan.Recipient != 0 {
			received = append(received, id)
		}
		if found[id]&plan.Sender != 0 {
			sent = append(sent, id)
		}
	}
	// Once the address has gone, the id alone tells whose gift it was.
	if err := list.Add(nil, append(received, unlisted...), sent); err != nil {
		return nil, err
	}
	for some := range slices.Chunk(ids, commitGifts) {
		err := r.withLocked(ctx, some, func() error {
			have, err := r.journal.Gifts(some)
			if err != nil {
				return err
			}
			var erased []plan.Stored
			for _, id := range some {
				s, of := have[id], found[id]
				if !plan.HoldsPersonal(s, of) && (of&plan.Recipient == 0 || !s.Erased.IsZero()) {
					continue
				}
				if of&plan.Recipient != 0 {
					rep.Received++
				}
				if of&plan.Sender != 0 {
					rep.Sent++
				}
				erased = append(erased, plan.Erase(s, of, r.started))
			}
			return r.commitGifts(erased)
		})
		if err != nil {
			return nil, err
		}
	}
	return ids, nil
}

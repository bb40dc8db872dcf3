package sync

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
	"thnks-hubspot-sync/thnksapi"
)

// sliceGifts is how many gifts that need calls a run works on at a time: as
// many full batches as the client has under way together. With more, events
// about them would wait longer than a second; with fewer, a slice's last answers
// would be waited for while calls are due. It also bounds what is planned, and
// HubSpot's answers, which repeat every property.
const sliceGifts = 6 * hubspot.BatchSize

// A policy says how the work of one pass differs from that of another. Nothing
// below a pass asks for its mode.
type policy struct {
	listed         bool // the source lists these gifts now: they are not gone, and newer versions are recorded
	fromJournal    bool // the journal's gifts are looked at again; no source showed them
	fromEvents     bool // webhook events are the cause: a gift without a row is known from events alone
	tryQuarantined bool // gifts in quarantine are tried even where their rows have not changed
	countFailures  bool // many failures for one reason stop the run
	recreate       bool // records that users deleted are created again
	searchFirst    bool // secondary addresses are searched before planning, and not behind the writes
	owed           bool // earlier runs owe it: of these gifts the report counts those that it changes
	uncounted      bool // an admin asked for the search: it is of everybody, and its misses do not count
}

// An input is what one piece of work is about. It is read-only.
type input struct {
	policy  policy
	gifts   []plan.Gift                  // as the source or events show them, or as the journal has them
	rows    map[string]json.RawMessage   // by transaction id, as received; nil for gifts of the journal
	lines   map[string]int               // by transaction id, where its row stands in a file
	silent  map[string]thnksapi.FieldSet // by transaction id, fields that the row says nothing of; none for most
	bad     []badRow                     // rows that are no gifts
	classes []string                     // of every row, in order: why it is no gift, "" for a gift
	events  giftEvents                   // that the work is about
	alone   map[string]bool              // gifts whose events are applied one at a time
	who     plan.Directory               // recipients looked up before, if any
	planner planner                      // nil for a [giftPlanner]

	count  int       // rows, for the progress
	newest time.Time // the newest change time, for the progress
	file   bool      // an export file shows the gifts
	clock  time.Time // the source's, when it showed the gifts; zero for ours
}

// A planner plans the changes of a batch: first by what the journal and HubSpot
// hold, then by who the recipients are.
type planner interface {
	// first returns the changes of the gifts that have a record, and the
	// addresses that have to be looked up.
	first(ctx context.Context, b *batch) (changes []plan.Change, need []string, err error)
	// second returns the changes of all gifts. The batch's directory has the
	// addresses now.
	second(ctx context.Context, b *batch, changes []plan.Change) ([]plan.Change, error)
}

// A batch is a piece of work on its way through the steps: what it is about,
// what is known of it, and its results, which only grow.
type batch struct {
	run     *run
	in      input
	planner planner
	loaded  *loaded
	who     plan.Directory  // recipients by address
	aside   map[string]bool // gifts at which HubSpot fails, by transaction id: nothing is concluded about them
	res     *results
}

func (r *run) newBatch(in input) *batch {
	b := &batch{run: r, in: in, planner: in.planner, who: make(plan.Directory)}
	maps.Copy(b.who, in.who)
	if b.planner == nil {
		b.planner = new(giftPlanner)
	}
	return b
}

// load reads what the state file knows of the input.
func (b *batch) load(ctx context.Context) (err error) {
	if b.loaded, err = b.run.load(ctx, &b.in); err == nil {
		b.res = &results{run: b.run, in: &b.in, loaded: b.loaded}
		b.res.audit.run = b.run.id
	}
	return err
}

// work takes an input through all steps. Its gifts are locked meanwhile. ahead
// are the gifts of the next input, whose recipients are looked up, too, where that
// fills a batch. The commit at the end moves the checkpoint; a failure commits
// what was done without moving it, so that the next run does the rest.
func (r *run) work(ctx context.Context, in input, ahead []plan.Gift, checkpoint store.Commit) (*batch, error) {
	defer partDone(ctx)
	b := r.newBatch(in)
	err := r.withLocked(ctx, giftIDs(in.gifts), func() error { // lock
		if err := b.load(ctx); err != nil { // have
			return err
		}
		if err := b.setAside(); err != nil {
			return err
		}
		changes, need, err := b.planner.first(ctx, b) // plan
		if err != nil {
			return err
		}
		if err := b.lookUp(ctx, need, ahead); err != nil { // people
			return err
		}
		if changes, err = b.planner.second(ctx, b, changes); err != nil { // plan
			return err
		}
		if err = b.write(ctx, attainable(changes, b.aside)); err == nil { // write
			err = b.associate(ctx) // associate
		}
		return b.finish(checkpoint, b.checkDeletions(ctx, err)) // commit
	})
	if err == nil { // else a run that goes on without a feature would count them twice
		r.counts.older += b.loaded.older
	}
	return b, err
}

// finish commits the results of a batch, whose steps before ended with err.
func (b *batch) finish(checkpoint store.Commit, err error) error {
	b.res.owes = slices.ContainsFunc(b.res.effects, b.unsearched)
	if err == nil {
		err = b.checkConservation()
	}
	if err != nil {
		fatal := IsFatal(err)
		b.res.dropQuarantine(fatal)
		if fatal || b.res.schemaSuspect {
			err = withCommitError(err, b.run.portal.Object.RecheckLater())
		}
		return withCommitError(err, b.res.commit(store.Commit{}))
	}
	if b.res.schemaSuspect {
		if err := b.run.portal.Object.RecheckLater(); err != nil {
			return err
		}
	}
	if b.in.policy.fromEvents {
		checkpoint.Events = b.res.remaining()
	}
	if err := b.res.commit(checkpoint); err != nil {
		return err
	}
	b.reportProgress()
	return nil
}

// checkConservation checks that every gift has an outcome before the checkpoint
// passes it: fetched is created, updated, unchanged, quarantined or skipped, and
// nothing falls in between.
func (b *batch) checkConservation() error {
	if b.in.policy.owed {
		return nil // no checkpoint passes them
	}
	for _, g := range b.loaded.gifts {
		if !b.run.counts.tally.has(g.ID) {
			return fmt.Errorf("transaction %s was fetched and has no recorded outcome; this is a bug, please report it", g.ID)
		}
	}
	return nil
}

// withCommitError adds a failed commit to err.
func withCommitError(err, commitErr error) error {
	if commitErr != nil {
		return fmt.Errorf("%w; moreover, what was written could not be recorded: %v", err, commitErr)
	}
	return err
}

// reportProgress calls [Config.Progress]. Event processing is not reported.
func (b *batch) reportProgress() {
	c := &b.run.counts
	c.progress.update(func(now *Progress) {
		now.Mode = b.run.mode
		now.Done += b.in.count
		if now.PhaseTotal > 0 {
			now.PhaseDone += b.in.count
		}
		if b.in.newest.After(now.Through) {
			now.Through = b.in.newest
		}
		counts := &c.tally.counts
		now.Created, now.Updated = counts[countedCreated], counts[countedUpdated]
		now.Unchanged, now.Quarantined = counts[countedUnchanged], counts[countedQuarantined]
	})
}

// process does the work of a window: as one piece or, where more than a slice
// of its gifts need calls, cut up. Then the gifts that need none come first, the
// recipients of all others are looked up together, and these are locked, written
// and committed a slice at a time. Secondary addresses are searched in the
// background, unless HubSpot takes no record without a contact.
func (r *run) process(ctx context.Context, in input, next upcoming, checkpoint store.Commit) error {
	required, err := r.portal.Records.ContactRequired()
	if err != nil {
		return err
	}
	in.policy.searchFirst = in.policy.searchFirst || r.req.DryRun || !required.IsZero()
	if err := joinSends(ctx, r, in.gifts); err != nil {
		return err
	}
	rest, need, err := r.cut(ctx, &in)
	if err != nil {
		return err
	}
	later := newBackgroundSearch()
	commit := checkpoint
	if len(rest) > 0 {
		commit = store.Commit{}
	}
	b, err := r.work(ctx, in, next.gifts, commit)
	if err != nil {
		return err
	}
	later.add(b)
	if len(rest) > 0 {
		if err := foresee(ctx, r, portal.Need{Addresses: need, Ahead: addresses(r, next.gifts), More: next.more, Windows: next.windows}); err != nil {
			return err
		}
		if _, err := r.portal.Directory.LookUp(ctx, need, addresses(r, next.gifts)); err != nil {
			return err
		}
	}
	needed := make(map[string]bool, len(need))
	for _, a := range need {
		needed[a] = true
	}
	for i, part := range rest {
		rest[i] = input{} // what is done is let go
		if err := renew(ctx, r); err != nil {
			return err
		}
		if !in.policy.searchFirst { // which the part itself does for those whom it looks up
			if part.who, err = r.portal.Directory.LookUp(ctx, among(needed, addresses(r, part.gifts)), nil); err != nil {
				return err
			}
		}
		if i == len(rest)-1 {
			commit = checkpoint
		}
		b, err := r.work(ctx, part, nil, commit)
		if err != nil {
			return err
		}
		later.add(b)
	}
	return r.startSearch(ctx, later)
}

// cut takes the gifts that need calls out of a window, if they are more than a
// slice, and returns them in slices, with the addresses to look up for them.
// Their events are read again with each slice.
func (r *run) cut(ctx context.Context, in *input) (rest []input, need []string, err error) {
	size := r.cfg().Bounds.SliceGifts
	if len(in.gifts) <= size {
		return nil, nil, nil
	}
	b := r.newBatch(*in)
	if err := b.load(ctx); err != nil {
		return nil, nil, err
	}
	changes, need, err := b.planner.first(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	_, newGifts := b.loaded.split()
	busy := make(map[string]bool)
	for _, g := range newGifts {
		busy[g.ID] = true
	}
	for _, c := range changes {
		if c.Action == plan.Update {
			busy[c.Gift.ID] = true
		}
	}
	if len(busy) <= size {
		return nil, nil, nil
	}
	*in, rest = in.split(busy, b.loaded.have, size)
	return rest, need, nil
}

// split parts an input into the gifts that need no calls and slices of those that
// do, of at most size gifts. Versions of one gift stay together and in order.
// Records to create come first, so that at most one slice has batches of both
// kinds that are not full. No part keeps the memory of another's gifts.
func (in input) split(busy map[string]bool, have map[string]plan.Stored, size int) (kept input, parts []input) {
	kept = in
	kept.gifts = nil
	var gifts []*plan.Gift
	for i, g := range in.gifts {
		if busy[g.ID] {
			gifts = append(gifts, &in.gifts[i])
		} else {
			kept.gifts = append(kept.gifts, g)
		}
	}
	slices.SortStableFunc(gifts, func(x, y *plan.Gift) int {
		_, xKnown := have[x.ID]
		_, yKnown := have[y.ID]
		switch {
		case xKnown == yKnown:
			return strings.Compare(x.ID, y.ID)
		case xKnown:
			return 1
		default:
			return -1
		}
	})
	kept.count, kept.newest = in.count-len(gifts), time.Time{}
	for len(gifts) > 0 {
		part := input{
			policy: in.policy, planner: in.planner,
			rows: in.rows, lines: in.lines, silent: in.silent, file: in.file, clock: in.clock,
		}
		part.gifts, gifts = firstIDs(gifts, size)
		part.count = len(part.gifts)
		parts = append(parts, part)
	}
	parts[len(parts)-1].newest = in.newest
	return kept, parts
}

// firstIDs returns gifts, versions of one next to each other, up to n distinct ids,
// and what is left of them.
func firstIDs(gifts []*plan.Gift, n int) (part []plan.Gift, rest []*plan.Gift) {
	end, id := len(gifts), ""
	for i, g := range gifts {
		if i > 0 && g.ID == id {
			continue
		}
		if n == 0 {
			end = i
			break
		}
		n, id = n-1, g.ID
	}
	part = make([]plan.Gift, end)
	for i, g := range gifts[:end] {
		part[i] = *g
	}
	return part, gifts[end:]
}

// giftIDs are the transaction ids of gifts.
func giftIDs(gifts []plan.Gift) []string {
	ids := make([]string, len(gifts))
	for i, g := range gifts {
		ids[i] = g.ID
	}
	return ids
}

// addresses are the canonical addresses of the gifts' recipients, of those
// that have one.
func addresses(r *run, gifts []plan.Gift) []string {
	var list []string
	for _, g := range gifts {
		list = appendAddress(r, list, g)
	}
	return list
}

// appendAddress appends the canonical address of a gift's recipient, who will be
// looked up by it, if there is one.
func appendAddress(r *run, list []string, g plan.Gift) []string {
	if a, ok := plan.CanonicalEmail(g.Recipient.Email); ok && !r.cfg().Suppressed.Address(a) {
		r.portal.Directory.Given(g.Recipient.Email, a)
		list = append(list, a)
	}
	return list
}

// among returns those of the addresses that are in the set.
func among(set map[string]bool, addresses []string) []string {
	return slices.DeleteFunc(addresses, func(a string) bool { return !set[a] })
}

package sync

import (
	"fmt"
	"hash/maphash"
	"maps"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
)

// counts are what a run reports in numbers.
type counts struct {
	tally         tally
	linked        int // associations created
	links         map[plan.Kind]linkCount
	fields        fieldCounts
	headers       int // headers that an export file repeats
	older         int // rows of files that say less than is known
	shownBefore   int // transactions that earlier runs saw of a resumed listing
	sample        sample
	progress      progressReport
	deletions     *deletions
	hubspotBefore map[hubspot.Class]int
	thnksBefore   int
	failures      failures
	listing       int // calls of the daily listing
}

// begin notes how many calls were made before the run.
func (c *counts) begin(cfg *Config) {
	c.hubspotBefore = maps.Clone(cfg.Calls())
	for _, s := range cfg.Sources {
		c.thnksBefore += s.API.Calls()
	}
}

// calls are how many calls the run has made, to HubSpot by class and to Thnks.
func (c *counts) calls(cfg *Config) (map[hubspot.Class]int, int) {
	ofHubSpot := make(map[hubspot.Class]int)
	now := cfg.Calls()
	for _, class := range hubspot.Classes() {
		ofHubSpot[class] = now[class] - c.hubspotBefore[class]
	}
	ofThnks := -c.thnksBefore
	for _, s := range cfg.Sources {
		ofThnks += s.API.Calls()
	}
	return ofHubSpot, ofThnks
}

// shown is how many transactions of the journal the listing has shown, those that
// earlier runs saw of it included.
func (c *counts) shown() int {
	n := c.tally.counts
	return c.shownBefore + n[countedCreated] + n[countedUpdated] + n[countedUnchanged] + n[countedDeleted] + n[countedErased]
}

// A linkCount counts the links of one kind.
type linkCount struct{ made, refused, atLimit int }

// addLinks counts the outcomes of links of one kind. It fails where HubSpot has
// refused more of them than can be the records' fault, and made none.
func (c *counts) addLinks(kind plan.Kind, outcomes []portal.Linked) error {
	n := c.links[kind]
	var refusal error
	for _, o := range outcomes {
		switch {
		case o.End == portal.LinkMade:
			n.made++
		case o.End == portal.LinkRefused && portal.IsLimit(o.Err):
			n.atLimit++
		case o.End == portal.LinkRefused:
			n.refused, refusal = n.refused+1, o.Err
		}
	}
	c.links[kind] = n
	if refusal == nil || n.made > 0 || n.refused <= maxCulprits {
		return nil
	}
	return &Fatal{
		What:   fmt.Sprintf("schema problem: HubSpot refuses every link from a gift to its %s", kind),
		Remedy: "look in HubSpot whether the association between the two objects is still defined and allowed, then run again; for up to five links that were left out before, run `sync --reassociate=all`",
		Err:    refusal,
	}
}

// refusedLinks is how many links HubSpot refused.
func (c *counts) refusedLinks() (n int) {
	for _, k := range c.links {
		n += k.refused + k.atLimit
	}
	return n
}

// An outcome is the category in which a report counts a transaction.
type outcome uint64

// The outcomes. Zero means not counted.
const (
	countedCreated outcome = iota + 1
	countedUpdated
	countedUnchanged
	countedQuarantined
	countedDeleted // skipped: deleted in HubSpot
	countedErased  // skipped: the recipient was erased
)

const outcomeBits = 3

// A tally holds the outcome of every distinct transaction of a run. A listing
// may show a transaction twice (it changed while it was being paged through, or
// two keys see it); it is then counted once, by the weightier outcome. It keeps
// a 61-bit keyed hash per transaction in growing shards, about 10 bytes each,
// because a run may see millions.
type tally struct {
	seed   maphash.Seed
	shards [256]shard
	counts [countedErased + 1]int
}

type shard struct {
	slots []uint64 // hash with the outcome in its low bits; 0 is free
	used  int
}

func (t *tally) hash(id string) uint64 {
	if t.seed == (maphash.Seed{}) {
		t.seed = maphash.MakeSeed()
	}
	return maphash.String(t.seed, id)
}

// has reports whether the transaction was counted.
func (t *tally) has(id string) bool { return t.of(id) != 0 }

// of returns the outcome that the transaction is counted under, 0 for none.
func (t *tally) of(id string) outcome {
	h := t.hash(id)
	s := &t.shards[h>>56]
	if len(s.slots) == 0 {
		return 0
	}
	return outcome(*s.find(h) & (1<<outcomeBits - 1))
}

// add counts the transaction under an outcome. Counted before, it moves to the
// weightier of the two: a record that was created and then updated was created.
func (t *tally) add(id string, o outcome) {
	h := t.hash(id)
	s := &t.shards[h>>56]
	if s.used*10 >= len(s.slots)*9 {
		s.grow()
	}
	slot := s.find(h)
	switch was := outcome(*slot & (1<<outcomeBits - 1)); {
	case *slot == 0:
		s.used++
	case was == 0: // counted once and taken back
	case !outweighs(o, was):
		return
	default:
		t.counts[was]--
	}
	*slot = h&^(1<<outcomeBits-1) | uint64(o)
	t.counts[o]++
}

// release takes back that a transaction was quarantined.
func (t *tally) release(id string) {
	if !t.has(id) {
		return
	}
	h := t.hash(id)
	slot := t.shards[h>>56].find(h)
	if outcome(*slot&(1<<outcomeBits-1)) != countedQuarantined {
		return
	}
	t.counts[countedQuarantined]--
	*slot = h &^ (1<<outcomeBits - 1)
}

// outweighs reports whether o describes a transaction better than was: anything
// beats unchanged, and what got into HubSpot in the end is no longer
// quarantined.
func outweighs(o, was outcome) bool {
	switch was {
	case countedUnchanged:
		return o != countedUnchanged
	case countedQuarantined:
		return o == countedCreated || o == countedUpdated
	default:
		return false
	}
}

func (s *shard) find(h uint64) *uint64 {
	n := uint64(len(s.slots))
	i := uint64(uint32(h>>outcomeBits)) * n >> 32 // spreads 32 bits of the hash over n slots
	for ; ; i = (i + 1) % n {
		if slot := &s.slots[i]; *slot == 0 || *slot>>outcomeBits == h>>outcomeBits {
			return slot
		}
	}
}

func (s *shard) grow() {
	old := s.slots
	s.slots = make([]uint64, max(64, len(old)*5/4))
	for _, v := range old {
		if v != 0 {
			*s.find(v) = v
		}
	}
}

// report fills the counts in.
func (t *tally) report(rep *Report) {
	rep.Created = t.counts[countedCreated]
	rep.Updated = t.counts[countedUpdated]
	rep.Unchanged = t.counts[countedUnchanged]
	rep.Quarantined = t.counts[countedQuarantined]
	if n := t.counts[countedDeleted]; n > 0 {
		rep.Skipped[plan.SkippedDeleted] = n
	}
	if n := t.counts[countedErased]; n > 0 {
		rep.Skipped[plan.SkippedErased] = n
	}
	rep.Fetched = rep.Created + rep.Updated + rep.Unchanged + rep.Quarantined + t.counts[countedDeleted] + t.counts[countedErased]
}

// failures are the rates at which a run's rows and records fail.
type failures struct {
	unreadable, refused failureRate
	aside               map[string][]string // see [rowsAside]; nil until it is needed
	lastSync            time.Time           // when the last run that ended well finished: what was quarantined since is a failed run's
}

// A failureRate tells a problem of rows from a schema problem: if 300 of the
// last 1,000 rows fail for one reason, the rows are not to blame.
type failureRate struct {
	ring   []string // reason per row, "" for a row that went well; of the last failureRows
	next   int      // where the next one goes, once there are that many
	counts map[string]int
}

// failureRows are the rows that count.
const failureRows = 1000

// failureLimit is how many of the last 1,000 rows may fail for one reason.
const failureLimit = 300

// add counts a row, which failed for a reason or, for "", went well. It returns
// an error when that reason has become too frequent.
func (f *failureRate) add(reason string) error {
	if f.counts == nil {
		f.counts = make(map[string]int)
	}
	if len(f.ring) < failureRows {
		f.ring = append(f.ring, reason)
	} else {
		if old := f.ring[f.next]; old != "" {
			f.counts[old]--
		}
		f.ring[f.next] = reason
		f.next = (f.next + 1) % failureRows
	}
	if reason == "" {
		return nil
	}
	f.counts[reason]++
	if f.counts[reason] < failureLimit {
		return nil
	}
	return &Fatal{
		What:   fmt.Sprintf("schema problem: %d of the last %d records were refused for one reason (%s)", failureLimit, failureRows, reason),
		Remedy: "`quarantine list` shows some of them; fix the object's properties or rules in HubSpot, or the portal's thnks.dialect (thnks.csv for an export file) where the rows cannot be read, then run again; the checkpoint has not moved, so nothing is skipped",
	}
}

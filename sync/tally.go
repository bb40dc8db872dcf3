package sync

import (
	"hash/maphash"

	"thnks-hubspot-sync/sync/plan"
)

// An end is the category in which a report counts a transaction.
type end uint64

// The ends. Zero means not seen.
const (
	endCreated end = iota + 1
	endUpdated
	endUnchanged
	endQuarantined
	endDeleted // skipped: deleted in HubSpot
)

const endBits = 3

// A tally holds how every distinct transaction of a run ended. A listing may
// show a transaction twice (it changed while it was being paged through, or
// two keys see it); it is then counted once, by what happened to it most. It
// keeps a 61-bit keyed hash per transaction in growing shards, about 10 bytes
// each, because a run may see millions.
type tally struct {
	seed   maphash.Seed
	shards [256]shard
	counts [endDeleted + 1]int
}

type shard struct {
	slots []uint64 // hash with the end in its low bits; 0 is free
	used  int
}

func (t *tally) hash(id string) uint64 {
	if t.seed == (maphash.Seed{}) {
		t.seed = maphash.MakeSeed()
	}
	return maphash.String(t.seed, id)
}

// has reports whether the transaction was counted.
func (t *tally) has(id string) bool {
	h := t.hash(id)
	s := &t.shards[h>>56]
	return len(s.slots) > 0 && *s.find(h)&(1<<endBits-1) != 0
}

// add counts the transaction under e. Seen before, it moves to the weightier
// of the two ends: a record that was created and then updated was created.
func (t *tally) add(id string, e end) {
	h := t.hash(id)
	s := &t.shards[h>>56]
	if s.used*10 >= len(s.slots)*9 {
		s.grow()
	}
	slot := s.find(h)
	switch was := end(*slot & (1<<endBits - 1)); {
	case *slot == 0:
		s.used++
	case was == 0: // counted once and taken back
	case !outweighs(e, was):
		return
	default:
		t.counts[was]--
	}
	*slot = h&^(1<<endBits-1) | uint64(e)
	t.counts[e]++
}

// release takes it back that a transaction ended in quarantine.
func (t *tally) release(id string) {
	if !t.has(id) {
		return
	}
	h := t.hash(id)
	slot := t.shards[h>>56].find(h)
	if end(*slot&(1<<endBits-1)) != endQuarantined {
		return
	}
	t.counts[endQuarantined]--
	*slot = h &^ (1<<endBits - 1)
}

// outweighs reports whether a transaction that ended as was is better
// described by e: anything beats unchanged, and whatever got into HubSpot in
// the end is no longer quarantined.
func outweighs(e, was end) bool {
	switch was {
	case endUnchanged:
		return e != endUnchanged
	case endQuarantined:
		return e == endCreated || e == endUpdated
	default:
		return false
	}
}

func (s *shard) find(h uint64) *uint64 {
	n := uint64(len(s.slots))
	i := uint64(uint32(h>>endBits)) * n >> 32 // spreads 32 bits of the hash over n slots
	for ; ; i = (i + 1) % n {
		if slot := &s.slots[i]; *slot == 0 || *slot>>endBits == h>>endBits {
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
	rep.Created = t.counts[endCreated]
	rep.Updated = t.counts[endUpdated]
	rep.Unchanged = t.counts[endUnchanged]
	rep.Quarantined = t.counts[endQuarantined]
	if n := t.counts[endDeleted]; n > 0 {
		rep.Skipped[plan.SkippedDeleted] = n
	}
	rep.Fetched = rep.Created + rep.Updated + rep.Unchanged + rep.Quarantined + t.counts[endDeleted]
}

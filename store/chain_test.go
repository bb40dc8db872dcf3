package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"
)

// audited is a store with so many audit entries, a day apart.
func audited(tb testing.TB, entries int) *Store {
	tb.Helper()
	s := openAt(tb, statePath(tb))
	var c Commit
	for n := range entries {
		c.Audit = append(c.Audit, AuditEntry{At: auditDay(n), Run: "r", Action: "update", Method: "POST", TransactionIDs: []string{fmt.Sprintf("T-%d", n)}, Reasons: []string{`a "quoted" reason`}})
	}
	commit(tb, s, c)
	return s
}

func auditDay(n int) time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n) }

// unchained takes the hash from the first so many entries, as earlier releases
// wrote them.
func unchained(tb testing.TB, s *Store, entries int) {
	tb.Helper()
	tamper(tb, s, func(b *bbolt.Bucket) error {
		for seq := range uint64(entries) {
			value, err := get(b, seqKey(seq+1))
			if err != nil {
				return err
			}
			record, _, _ := splitHash(value)
			if err := put(b, seqKey(seq+1), record); err != nil {
				return err
			}
		}
		return nil
	})
}

// tamper changes the audit behind the store's back, with checksums that are right.
func tamper(tb testing.TB, s *Store, f func(*bbolt.Bucket) error) {
	tb.Helper()
	behind(tb, s, func(tx *bbolt.Tx) error { return f(tx.Bucket([]byte(bucketAudit))) })
}

// behind changes the file behind the store's back, as a change of the closed file
// would.
func behind(tb testing.TB, s *Store, f func(*bbolt.Tx) error) {
	tb.Helper()
	err := s.db.Update(func(tx *bbolt.Tx) error {
		s.commits.found(tx.ID())
		return f(tx)
	})
	if err != nil {
		tb.Fatal(err)
	}
}

func verify(tb testing.TB, s *Store, head string) (AuditProof, error) {
	tb.Helper()
	proof, err := s.VerifyAudit(tb.Context(), head)
	if err != nil && !IsBroken(err) {
		tb.Fatal(err)
	}
	return proof, err
}

// TestAuditChain: what was written verifies, with every head that there ever was,
// and across a cut and a compaction.
func TestAuditChain(t *testing.T) {
	t.Parallel()
	s := audited(t, 0)
	if proof, err := verify(t, s, ""); err != nil || proof.Entries != 0 {
		t.Errorf("an empty audit: %v, %+v", err, proof)
	}
	heads := map[uint64]string{}
	for n := range 30 {
		commit(t, s, Commit{Audit: []AuditEntry{{At: auditDay(n), Action: "create"}}})
		head, err := s.AuditHead()
		if err != nil || head.Seq != uint64(n+1) {
			t.Fatalf("head %+v, %v", head, err)
		}
		heads[head.Seq] = head.Hash
	}
	for seq, head := range heads {
		if proof, err := verify(t, s, head); err != nil || proof.Found != seq {
			t.Errorf("the head of entry %d: %v, %+v", seq, err, proof)
		}
	}
	if _, err := verify(t, s, strings.Repeat("0", 63)+"1"); err == nil {
		t.Error("a head that never was is found")
	}
	now := auditDay(9).Add(AuditKept)
	commit(t, s, Commit{Runs: []RunRecord{{ID: "early", Started: now}}})
	late := now.AddDate(0, 0, 2)
	commit(t, s, Commit{Runs: []RunRecord{{ID: "late", Started: late, Finished: late}}})
	proof, err := verify(t, s, heads[9])
	if err != nil || proof.First != 10 || proof.Entries != 22 || proof.Found != 9 {
		t.Errorf("after the cut: %v, %+v", err, proof)
	}
	if _, err := verify(t, s, heads[8]); err == nil {
		t.Error("a head that was cut off is found")
	}
	if _, err := s.Compact(); err != nil {
		t.Fatal(err)
	}
	later := now.AddDate(0, 0, 5) // cut by the run before it, of day 2
	commit(t, s, Commit{Runs: []RunRecord{{ID: "later", Started: later, Finished: later}}})
	if proof, err := verify(t, s, heads[30]); err != nil || proof.First != 12 || proof.Found != 30 {
		t.Errorf("after the second cut: %v, %+v", err, proof)
	}
	var cuts int
	for e, err := range s.Audit(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Action == ActionCut {
			cuts++
		}
		if len(e.Hash) != 64 {
			t.Errorf("entry %d has the hash %q", e.Seq, e.Hash)
		}
	}
	if cuts != 2 {
		t.Errorf("%d entries about cuts", cuts)
	}
}

// TestAuditUnderAWrongClock: runs under a clock that is ahead, by weeks or by more than
// the audit is kept, cut nothing before they have gone on for a day.
func TestAuditUnderAWrongClock(t *testing.T) {
	t.Parallel()
	for _, days := range []struct{ today, ahead int }{{10, 510}, {300, 420}, {340, 420}} {
		t.Run(fmt.Sprintf("from day %d to %d", days.today, days.ahead), func(t *testing.T) {
			t.Parallel()
			auditUnderAWrongClock(t, auditDay(days.today), auditDay(days.ahead))
		})
	}
}

func auditUnderAWrongClock(t *testing.T, today, ahead time.Time) {
	s := audited(t, 10)
	run := func(id string, at time.Time) {
		t.Helper()
		commit(t, s, Commit{Runs: []RunRecord{{ID: id, Started: at, Finished: at.Add(time.Hour)}}})
	}
	wantKept := func(when string, want int) {
		t.Helper()
		n := 0
		for e := range s.Audit(t.Context()) {
			if e.Action == "update" {
				n++
			}
		}
		if n != want {
			t.Errorf("%s: %d of 10 entries are kept, want %d", when, n, want)
		}
	}
	run("today", today)
	run("first", ahead)
	wantKept("after the jump", 10)
	run("second", ahead.Add(23*time.Hour))
	wantKept("on the first day after the jump", 10)
	run("back", today.AddDate(0, 0, 1))
	wantKept("under the right clock again", 10)
	commit(t, s, Commit{Runs: []RunRecord{{ID: "killed", Started: ahead.Add(24*time.Hour + time.Minute)}}})
	wantKept("by a run that was killed", 10)
	run("third", ahead.Add(25*time.Hour))
	wantKept("after a second jump, a day further", 10)
	run("fourth", ahead.Add(50*time.Hour))
	wantKept("a day after that jump", 0)
	if _, err := verify(t, s, ""); err != nil {
		t.Error(err)
	}
}

// TestAuditBroken: any edit, removal or move of an entry is found, also of one from
// before the chain.
func TestAuditBroken(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		const n = 12
		s := audited(t, n-2)
		old := rapid.IntRange(0, n-4).Draw(rt, "before the chain")
		unchained(t, s, old)
		// As an upgrade would go on: the hashes behind are of the same chain.
		commit(t, s, Commit{Audit: []AuditEntry{{At: auditDay(n - 2)}, {At: auditDay(n - 1)}}})
		proof, err := verify(t, s, "")
		if err != nil || proof.Before != old || proof.Entries != n {
			rt.Fatalf("untouched: %v, %+v", err, proof)
		}
		at := uint64(rapid.IntRange(1, n).Draw(rt, "entry"))
		what := rapid.SampledFrom([]string{"edit", "edit and hash", "remove", "swap", "move", "insert", "unhash"}).Draw(rt, "what")
		if what == "unhash" && at != n || what == "swap" && at == n {
			return // several of them would be the state of an earlier release; there is nothing behind the last
		}
		tamper(t, s, func(b *bbolt.Bucket) error {
			value, err := get(b, seqKey(at))
			if err != nil {
				return err
			}
			value = slices.Clone(value)
			record, _, chained := splitHash(value)
			switch what {
			case "edit":
				value[len(record)/2] ^= 1
			case "edit and hash":
				edited := slices.Clone(record)
				edited[len(edited)/2] ^= 1
				if value = edited; chained {
					prev, err := hashBeforeEntry(b, at)
					if err != nil {
						return err
					}
					value = withHash(edited, prev.next(at, edited))
				}
				if at == n { // who makes the last hash anew needs a head to be found out by
					return nil
				}
			case "remove":
				return b.Delete(seqKey(at))
			case "swap":
				other, err := get(b, seqKey(at+1))
				if err != nil {
					return err
				}
				return errors.Join(put(b, seqKey(at), slices.Clone(other)), put(b, seqKey(at+1), value))
			case "move":
				return errors.Join(b.Delete(seqKey(at)), put(b, seqKey(n+5), value))
			case "insert":
				return put(b, seqKey(n+1), value)
			case "unhash":
				value = record
			}
			return put(b, seqKey(at), value)
		})
		if _, err := verify(t, s, ""); err == nil && !(what == "edit and hash" && at == n) {
			rt.Fatalf("%s of entry %d, with %d before the chain, is not found", what, at, old)
		}
		tamper(t, s, func(b *bbolt.Bucket) error { return restoreAudit(b, n) })
	})
}

// hashBeforeEntry computes the hash of the entry before one.
func hashBeforeEntry(b *bbolt.Bucket, at uint64) (h chainHash, err error) {
	for seq := uint64(1); seq < at; seq++ {
		value, err := get(b, seqKey(seq))
		if err != nil {
			return h, err
		}
		record, _, _ := splitHash(value)
		h = h.next(seq, record)
	}
	return h, nil
}

// restoreAudit makes the numbers of entries right again, for the check at the end.
func restoreAudit(b *bbolt.Bucket, n int) error {
	for seq := range uint64(n + 6) {
		if err := b.Delete(seqKey(seq + 1)); err != nil {
			return err
		}
	}
	for seq := range uint64(n) {
		if err := put(b, seqKey(seq+1), []byte("{}")); err != nil {
			return err
		}
	}
	return nil
}

// TestAuditHeadFindsWhatIsMissing: without a head, no one notices that the last
// entries are missing, or that everything was written anew; with one, it shows.
func TestAuditHeadFindsWhatIsMissing(t *testing.T) {
	t.Parallel()
	s, forged := audited(t, 10), audited(t, 9)
	head, err := s.AuditHead()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify(t, forged, ""); err != nil {
		t.Error(err)
	}
	if _, err := verify(t, forged, head.Hash); err == nil {
		t.Error("the missing entry is not found with the head")
	}
}

// TestAuditCutForged: entries that are missing at the front need an entry about the
// cut, and one about another place is none.
func TestAuditCutForged(t *testing.T) {
	t.Parallel()
	s := audited(t, 10)
	forge := func(at uint64) {
		t.Helper()
		behind(t, s, func(tx *bbolt.Tx) error {
			b, err := openBuckets(tx)
			if err != nil {
				return err
			}
			h, err := hashBeforeEntry(b.audit, at+1)
			if err != nil {
				return err
			}
			for seq := range at {
				if err := b.audit.Delete(seqKey(seq + 1)); err != nil {
					return err
				}
			}
			return put(b.meta, []byte(keyAuditCut), fmt.Appendf(nil, `{"n":%d,"h":"%s"}`, at, h))
		})
	}
	forge(3)
	var broken *BrokenError
	if _, err := verify(t, s, ""); !errors.As(err, &broken) || broken.Seq != 4 {
		t.Errorf("a cut of which the audit does not say anything: %v", err)
	}
	tamper(t, s, func(b *bbolt.Bucket) error { return restoreAudit(b, 10) })
	behind(t, s, func(tx *bbolt.Tx) error { return tx.Bucket([]byte(bucketMeta)).Delete([]byte(keyAuditCut)) })
}

// TestAuditSaysWhere: an entry that is missing is named by its number, in the midst and
// at the end.
func TestAuditSaysWhere(t *testing.T) {
	t.Parallel()
	s := audited(t, 10)
	for _, seq := range []uint64{10, 4} {
		tamper(t, s, func(b *bbolt.Bucket) error { return b.Delete(seqKey(seq)) })
		var broken *BrokenError
		if _, err := verify(t, s, ""); !errors.As(err, &broken) || broken.Seq != seq {
			t.Errorf("without entry %d: %v", seq, err)
		}
	}
	tamper(t, s, func(b *bbolt.Bucket) error { return restoreAudit(b, 10) })
}

// TestAuditHash: hashing a record and taking the hash off again changes nothing.
func TestAuditHash(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		record, err := encodeAudit(AuditEntry{Action: rapid.String().Draw(t, "action"), Reasons: rapid.SliceOf(rapid.String()).Draw(t, "reasons")})
		if err != nil {
			t.Fatal(err)
		}
		h := chainHash{}.next(rapid.Uint64().Draw(t, "seq"), record)
		got, own, chained := splitHash(withHash(record, h))
		if !chained || own != h || string(got) != string(record) {
			t.Fatalf("%s becomes %s with %v", record, got, chained)
		}
		if got, _, chained := splitHash(record); chained || string(got) != string(record) {
			t.Fatalf("%s without a hash becomes %s", record, got)
		}
	})
}

// TestRuns: the list has the runs of the last 90 days, in order, however many are older.
func TestRuns(t *testing.T) {
	t.Parallel()
	s := openAt(t, statePath(t))
	for n := range 100 {
		commit(t, s, Commit{Runs: []RunRecord{{ID: fmt.Sprint(n), Started: auditDay(n), Finished: auditDay(n), Created: n}}})
	}
	var ids []string
	for r, err := range s.Runs(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ID)
	}
	if len(ids) != 91 || ids[0] != "9" || ids[90] != "99" {
		t.Errorf("runs %v", ids)
	}
	commit(t, s, Commit{Runs: []RunRecord{{ID: "late", Started: auditDay(300), Finished: auditDay(300)}}})
	n := 0
	for r, err := range s.Runs(t.Context()) {
		if n++; err != nil || r.ID != "late" {
			t.Errorf("run %s, %v", r.ID, err)
		}
	}
	if n != 1 {
		t.Errorf("%d runs are left after 200 days, want one", n)
	}
}

// BenchmarkVerifyAudit goes through a million entries.
func BenchmarkVerifyAudit(b *testing.B) {
	s := openAt(b, statePath(b))
	const entries = 1_000_000
	for at := 0; at < entries; at += 5000 {
		var c Commit
		for n := at; n < at+5000; n++ {
			c.Audit = append(c.Audit, AuditEntry{At: auditDay(0), Run: "RUNRUNRUNRUN", Action: "update", Method: "POST", Path: "/crm/objects/2026-09/2-1234567/batch/update", Status: 200, CorrelationID: "d41f3b1c-55ab-4b53-8e43-bf01c2d0c1a9", TransactionIDs: []string{fmt.Sprintf("T-%d", n)}, Reasons: []string{"status sent → redeemed"}})
		}
		commit(b, s, c)
	}
	for b.Loop() {
		proof, err := s.VerifyAudit(b.Context(), "")
		if err != nil || proof.Entries != entries {
			b.Fatal(err, proof.Entries)
		}
	}
}

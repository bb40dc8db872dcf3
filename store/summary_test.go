package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/sync/plan"
)

// names is a summary of what the tests look at: the name of each gift.
type names map[string]string

// folder returns a fold that keeps the names, and that fails the test where a
// change does not fit what was kept.
func folder(t rapid.TB, into *names) func([]byte, iter.Seq2[GiftChange, error]) ([]byte, error) {
	return func(kept []byte, changes iter.Seq2[GiftChange, error]) ([]byte, error) {
		all := names{}
		if kept != nil {
			if err := json.Unmarshal(kept, &all); err != nil {
				t.Fatal(err)
			}
		}
		for c, err := range changes {
			if err != nil {
				return nil, err
			}
			if c.Before != nil {
				if id := c.Before.Gift.ID; all[id] != c.Before.Gift.Name {
					t.Fatalf("%s was %q before, and is %q in what was kept", id, c.Before.Gift.Name, all[id])
				}
				delete(all, c.Before.Gift.ID)
			}
			if c.Now != nil {
				if was, ok := all[c.Now.Gift.ID]; ok {
					t.Fatalf("%s is new, and what was kept has it as %q", c.Now.Gift.ID, was)
				}
				all[c.Now.Gift.ID] = c.Now.Gift.Name
			}
		}
		*into = all
		return json.Marshal(all)
	}
}

// TestSummaryIsOfAllGifts changes gifts at random and summarizes now and then,
// while others commit, summarize and forget, and after crashes.
func TestSummaryIsOfAllGifts(t *testing.T) {
	t.Parallel()
	path := statePath(t)
	rapid.Check(t, func(t *rapid.T) {
		if err := os.RemoveAll(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path, Options{Create: true})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { s.Close() }()
		limits := summaryLimits{keep: rapid.IntRange(1, 6).Draw(t, "keep"), forget: rapid.IntRange(3, 9).Draw(t, "forget")}
		s.summaries = limits
		model := names{}
		change := func() {
			var c Commit
			for range rapid.IntRange(0, 2).Draw(t, "removed") {
				id := fmt.Sprintf("T-%d", rapid.IntRange(1, 8).Draw(t, "id"))
				c.Removed = append(c.Removed, id)
				delete(model, id)
			}
			for range rapid.IntRange(0, 5).Draw(t, "puts") {
				id := fmt.Sprintf("T-%d", rapid.IntRange(1, 8).Draw(t, "id"))
				model[id] = rapid.SampledFrom([]string{"tea", "cake", "book"}).Draw(t, "name")
				c.Gifts = append(c.Gifts, plan.Stored{ObjectID: "1", Gift: plan.Gift{ID: id, Name: model[id]}})
			}
			if err := s.Commit(c); err != nil {
				t.Fatal(err)
			}
		}
		label := rapid.SampledFrom([]string{"a", "a", "a", "b"})
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0, 1, 2, 3:
				change()
			case 4: // one that ends in the midst of it
				died := errors.New("died")
				err := s.Summary(t.Context(), label.Draw(t, "label"), func([]byte, iter.Seq2[GiftChange, error]) ([]byte, error) { return nil, died })
				if !errors.Is(err, died) {
					t.Fatal(err)
				}
			case 5: // one that others overtake before it is kept
				tx, st, err := s.beginSummary(label.Draw(t, "label"))
				if err != nil {
					t.Fatal(err)
				}
				sum, err := json.Marshal(model)
				if err != nil {
					t.Fatal(err)
				}
				tx.Rollback()
				change()
				if rapid.Bool().Draw(t, "overtaken") {
					var got names
					want := maps.Clone(model)
					if err := s.Summary(t.Context(), label.Draw(t, "label"), folder(t, &got)); err != nil {
						t.Fatal(err)
					}
					if d := cmp.Diff(want, got); d != "" {
						t.Fatal(d)
					}
					change()
				}
				if rapid.IntRange(0, 3).Draw(t, "forget") == 0 {
					if err := s.ForgetSummary(); err != nil {
						t.Fatal(err)
					}
				}
				if st.begun {
					if err := s.keepSummary(st.Label, st.Epoch, sum); err != nil {
						t.Fatal(err)
					}
				}
			case 6:
				s.Close()
				if s, err = Open(path, Options{}); err != nil {
					t.Fatal(err)
				}
				s.summaries = limits
			default:
				var got names
				if err := s.Summary(t.Context(), label.Draw(t, "label"), folder(t, &got)); err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(model, got); d != "" {
					t.Fatalf("the summary (-gifts +summary):\n%s", d)
				}
			}
			if err := s.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestSummaryIsKept counts the gifts that are read: all for the first summary,
// and for the next ones those that have changed, before and after the file is
// opened again. With many changes it is kept anew, and with too many forgotten.
func TestSummaryIsKept(t *testing.T) {
	t.Parallel()
	path := statePath(t)
	s := openAt(t, path)
	put := func(from, to int) {
		var c Commit
		for n := from; n < to; n++ {
			c.Gifts = append(c.Gifts, plan.Stored{ObjectID: fmt.Sprint(n), Gift: plan.Gift{
				ID: fmt.Sprint(n), Name: fmt.Sprint(n, from), Recipient: plan.Person{Name: "Ada", Email: "ada@one.example"},
			}})
		}
		commit(t, s, c)
	}
	reads := func(want int) {
		t.Helper()
		n := 0
		err := s.Summary(t.Context(), "a", func(kept []byte, changes iter.Seq2[GiftChange, error]) ([]byte, error) {
			for _, err := range changes {
				if err != nil {
					return nil, err
				}
				n++
			}
			return bytes.Repeat([]byte("x"), 3*summaryPiece/2), nil
		})
		if err != nil || n != want {
			t.Errorf("%d gifts were read (%v), want %d", n, err, want)
		}
	}
	put(0, 10)
	reads(10)
	reads(0)
	put(5, 12)
	reads(7)
	s.Close()
	s = openAt(t, path)
	s.summaries = summaryLimits{keep: 8, forget: 12}
	reads(7)
	put(20, 21)
	reads(8) // and keeps them
	reads(0)
	put(30, 50)
	reads(33)
	put(51, 52)
	reads(1)
	put(45, 46) // again
	noted := 0
	err := s.view(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketBefore)).ForEach(func(_, value []byte) error {
			if len(value) > 0 {
				noted++
			}
			if bytes.Contains(value, []byte("Ada")) || bytes.Contains(value, []byte("one.example")) {
				t.Error("a recipient is noted")
			}
			return nil
		})
	})
	if err != nil || noted == 0 {
		t.Fatalf("%d gifts are noted as they were: %v", noted, err)
	}
}

package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"thnks-hubspot-sync/sync/plan"
)

func TestSpace(t *testing.T) {
	t.Parallel()
	path := statePath(t)
	s := openAt(t, path)
	size, free, err := s.Space()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil || size != fileSize(t, path) || free < 0 {
		t.Errorf("size %d, free %d, error %v; want the size %d", size, free, err, fileSize(t, path))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Space(); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: error %v", err)
	}
}

// A nosyContext commits whenever Err is called, which a check does while it reads
// the contents.
type nosyContext struct {
	context.Context
	commit func()
}

func (c nosyContext) Err() error {
	c.commit()
	return nil
}

// TestCommitsGoOnDuringACheck: a commit made while the contents are read does not
// wait and is not reported as damage.
func TestCommitsGoOnDuringACheck(t *testing.T) {
	t.Parallel()
	s := openAt(t, statePath(t))
	fill(t, s, 2000) // no commit below has to map a larger file
	r := rand.New(rand.NewPCG(5, 6))
	made := 0
	ctx := nosyContext{context.Background(), func() {
		if made++; made <= 3 {
			commit(t, s, Commit{Meta: map[string][]byte{fmt.Sprint("m", made): []byte("x")}})
			g := typicalGift(r, made)
			g.ObjectID = fmt.Sprint("9", made)
			commit(t, s, Commit{Gifts: []plan.Stored{g}})
		}
	}}
	if err := s.Check(ctx); err != nil {
		t.Error(err)
	}
	if made < 3 {
		t.Errorf("%d commits during the check", made)
	}
}

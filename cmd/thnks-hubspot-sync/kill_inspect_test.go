package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// A stage is how far a backfill had come when it was killed.
type stage string

// The stages. A backfill passes them in this order, but for the rebuild, which
// comes before the windows where the state file was lost.
const (
	beforeFile   stage = "no file yet"
	atObject     stage = "object"
	firstWindow  stage = "first window"
	middleWindow stage = "middle"
	lastWindow   stage = "last window"
	afterLast    stage = "after it"
	atRebuild    stage = "rebuild"
)

// Names of checkpoints, as they stand in state files.
const (
	backfillCheckpoint    = "backfill"
	rebuildCheckpoint     = "rebuild"
	incrementalCheckpoint = "incremental"
)

// state is the path of the state file.
func (c *prey) state() string { return filepath.Join(c.dir, "state", "acme.db") }

// inspect checks what a process that has ended left behind, and tells how far
// it had come. It looks at a copy of the state file: opening the file itself
// would tidy up after the dead, which is the next run's part.
//
//   - The file is sound, to bbolt and to the store.
//   - Every gift in it is in HubSpot: the record of that id is the
//     transaction's, says the same, and has the links.
//   - Every gift that it held when it was inspected before is still in it, as
//     the same record, unless it was lost since.
//   - No transaction has two records.
//   - Every row that a checkpoint has passed is among these gifts, or in
//     quarantine.
func (c *prey) inspect(t *testing.T) stage {
	t.Helper()
	left, err := os.ReadFile(c.state())
	if errors.Is(err, fs.ErrNotExist) {
		if n := len(held(t, c.portal)); n > 0 && !c.lost {
			t.Errorf("HubSpot holds %d gifts, and there is no state file", n)
		}
		if n := len(c.committed); n > 0 {
			t.Errorf("the state file is gone, which held %d gifts", n)
		}
		return beforeFile
	}
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(c.dir, "copy", "acme.db")
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, left, 0o600)); err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if err := st.Check(t.Context()); err != nil {
		t.Error(err)
	}
	gifts := c.checkGifts(t, st)
	for id, record := range c.committed {
		if now := gifts[id]; now != record {
			t.Errorf("the state file had %s as record %s, and has it as %q now", id, record, now)
		}
	}
	c.committed = gifts
	return c.checkProgress(t, st, gifts)
}

// checkGifts compares the gifts of a state file with their records, and returns
// the ids of these by transaction.
func (c *prey) checkGifts(t *testing.T, st *store.Store) (gifts map[string]string) {
	t.Helper()
	gifts = make(map[string]string)
	inHubSpot := held(t, c.portal)
	for g, err := range st.After(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		id := g.Gift.ID
		gifts[id] = g.ObjectID
		r, ok := c.portal.Record(sandboxObject, g.ObjectID)
		if !ok || r.Archived || r.Properties["thnks_transaction_id"] != id {
			t.Errorf("the state file has %s as record %s, which is none of its", id, g.ObjectID)
			continue
		}
		says, want := inHubSpot[id], plan.Properties(g.Gift)
		// Of the message the state file has the digest alone.
		want["message"], says.Properties["message"] = g.Gift.MessageDigest, plan.Digest(says.Properties["message"])
		for _, f := range plan.Fields() {
			if says.Properties[f.Name] != want[f.Name] {
				t.Errorf("%s: the state file and HubSpot differ in %s", id, f.Name)
			}
		}
		for _, l := range g.Links {
			if !l.Refused && !slices.Contains(says.Links[linkedTypes[l.Kind]], l.ID) {
				t.Errorf("%s: HubSpot lacks the link to %s %s, which the state file has", id, l.Kind, l.ID)
			}
		}
	}
	return gifts
}

var linkedTypes = map[plan.Kind]string{plan.Contact: "contacts", plan.Company: "companies", plan.Deal: "deals"}

// checkProgress looks for every row that a checkpoint has passed among the gifts
// and in quarantine, and tells the stage from the checkpoints.
func (c *prey) checkProgress(t *testing.T, st *store.Store, gifts map[string]string) stage {
	t.Helper()
	setAside := make(map[string]bool)
	for q, err := range st.Quarantine(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		setAside[digest(q.Row)] = true
	}
	checkpoint := func(name string) (store.Checkpoint, bool) {
		cp, ok, err := st.Checkpoint(name)
		if err != nil {
			t.Fatal(err)
		}
		return cp, ok
	}
	through, begun := checkpoint(backfillCheckpoint)
	passes, _ := checkpoint(incrementalCheckpoint)
	rebuild, _ := checkpoint(rebuildCheckpoint)

	for sender, rows := range c.rows {
		passed := 0
		switch {
		case slices.Contains(through.Done, sender):
			passed = len(rows)
		case through.Source == sender && through.Cursor != "":
			next := c.listed(t, sender, through.Cursor, 2)[0]
			if passed = slices.IndexFunc(rows, func(r row) bool { return r.digest == next.digest }); passed < 0 {
				t.Errorf("the cursor of %s leads to a row that is none of its", sender)
			}
		}
		for i, r := range rows {
			watermark := passes.Watermarks[sender]
			behind := i < passed || !watermark.IsZero() && !r.updated.After(watermark)
			if behind && gifts[r.id] == "" && !setAside[r.digest] {
				t.Errorf("a checkpoint has passed row %d of %s (%s), which is neither a gift in HubSpot nor in quarantine", i, sender, r.id)
			}
		}
	}

	switch left := len(c.rows) - len(through.Done); {
	case c.lost && rebuild.Finished.IsZero():
		return atRebuild
	case !begun:
		return atObject
	case !through.Finished.IsZero() || left == 0:
		return afterLast
	case left == len(c.rows) && through.Cursor == "":
		return firstWindow
	case left == 1:
		return lastWindow
	default:
		return middleWindow
	}
}

// A row is a transaction as a listing shows it.
type row struct {
	id, digest string
	updated    time.Time
}

func digest(raw []byte) string {
	sum := sha256.Sum256(raw)
	return string(sum[:])
}

// listed returns what the program is shown with a sender's key from a cursor of
// a checkpoint on, "" for all, until it has limit rows.
func (c *prey) listed(t *testing.T, sender, cursor string, limit int) (rows []row) {
	t.Helper()
	d := thnksapi.DefaultDialect()
	d.Paging.Size = min(d.Paging.Size, limit)
	client, err := thnksapi.New(thnksapi.Config{
		BaseURL: "https://thnks.test", Key: c.keys[sender], Dialect: d, Transport: thnksapitest.Transport(c.thnks),
	})
	if err != nil {
		t.Fatal(err)
	}
	for {
		page, err := client.Transactions(t.Context(), thnksapi.Query{Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Rows {
			var tx struct {
				ID      string
				Updated time.Time `json:"updated_at"`
			}
			if err := json.Unmarshal(r.Raw, &tx); err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row{tx.ID, digest(r.Raw), tx.Updated})
		}
		if cursor = page.Next; cursor == "" || len(rows) >= limit {
			return rows
		}
	}
}

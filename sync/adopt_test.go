package sync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

func textProperty(name string) hubspottest.Property {
	return hubspottest.Property{Name: name, Label: "Their " + name, Type: "string", FieldType: "text"}
}

// strangers adds an object as the vendor's integration makes one, with records
// and links of its own, and returns its type id.
func (w *world) strangers(records int, more ...hubspottest.Property) string {
	id := w.portal.AddForeignSchema("thnks", append([]hubspottest.Property{textProperty("thnk_name"), textProperty("gift_type")}, more...)...)
	w.portal.RequireOnly("thnks")
	contact := w.portal.AddContact("theirs@example.com", nil)
	for i := range records {
		r := w.portal.AddRecord("thnks", map[string]string{"thnk_name": fmt.Sprint("Theirs ", i), "gift_type": "card"})
		w.portal.Associate("thnks", r, "contacts", contact)
		if i%10 == 9 {
			w.portal.Archive("thnks", r)
		}
	}
	return id
}

// theirs are the records without a transaction id.
func (w *world) theirs() map[string]hubspottest.SnapshotRecord {
	all := w.portal.Snapshot()["thnks"]
	maps.DeleteFunc(all, func(_ string, r hubspottest.SnapshotRecord) bool { return r.Properties[keyProperty] != "" })
	return all
}

// wantTheirs checks that the stranger's records, properties and labels are as
// they were.
func (w *world) wantTheirs(records map[string]hubspottest.SnapshotRecord, was hubspottest.Schema) {
	w.t.Helper()
	if diff := cmp.Diff(records, w.theirs()); diff != "" {
		w.t.Errorf("the stranger's records (-before +after):\n%s", diff)
	}
	now, _ := w.portal.SchemaOf("thnks")
	for _, p := range was.Properties {
		if i := slices.IndexFunc(now.Properties, func(q hubspottest.Property) bool { return q.Name == p.Name }); i < 0 || cmp.Diff(p, now.Properties[i]) != "" {
			w.t.Errorf("the stranger's property %s has changed", p.Name)
		}
	}
	if now.Singular != was.Singular || now.Plural != was.Plural || now.Primary != was.Primary || !slices.Equal(now.Searchable, was.Searchable) {
		w.t.Errorf("the definition has changed from %+v to %+v", was, now)
	}
}

// checkOurs is check for an object that holds a stranger's records too.
func (w *world) checkOurs() {
	w.t.Helper()
	ours := 0
	for r := range w.portal.Records("thnks") {
		if r.Properties[keyProperty] != "" {
			ours++
		}
	}
	if n := len(w.thnks.Transactions()); ours != n {
		w.t.Errorf("%d records of ours for %d transactions", ours, n)
	}
	people := w.contacts()
	for _, tx := range w.thnks.Transactions() {
		if diff := cmp.Diff(w.wantLinks(people, tx), w.links(w.record(tx.ID))); diff != "" {
			w.t.Errorf("transaction %s: links differ (-want +got):\n%s", tx.ID, diff)
		}
	}
}

func adopting(id string) Request { return Request{Mode: Adopt, Keys: []string{id}} }

func (w *world) adopt(id string) Report {
	w.t.Helper()
	rep, err := w.run(context.Background(), adopting(id))
	if err != nil {
		w.t.Fatalf("adopt: %v", err)
	}
	return rep
}

// TestAdopt takes a stranger's object over, twice, and syncs into it, twice.
// What it does is what its dry run says.
func TestAdopt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{PropertyLag: 700 * time.Millisecond}, thnksapitest.Options{})
		id := w.strangers(25)
		w.populate(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 60, Recipients: 20}), 0.8)
		records, schema := w.theirs(), w.schema("thnks")
		if _, err := w.run(context.Background(), Request{Mode: Backfill}); err == nil || !strings.Contains(err.Error(), "check --adopt "+id+" --portal acme") {
			t.Fatalf("before: %v, want the command named", err)
		}

		dry := adopting(id)
		dry.DryRun = true
		planned, err := w.run(context.Background(), dry)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(schema, w.schema("thnks")); diff != "" {
			t.Errorf("the dry run changed the definition:\n%s", diff)
		}
		rep := w.adopt(id)
		if diff := cmp.Diff(planned.SchemaChanges, rep.SchemaChanges); diff != "" {
			t.Errorf("planned and done differ (-planned +done):\n%s", diff)
		}
		if len(rep.SchemaChanges) != 1+1+25 || rep.SchemaChanges[1] != "add property "+keyProperty || rep.SchemaChanges[2] != "adopt custom object "+id+" (thnks)" {
			t.Errorf("%d changes, %q; want the group, the unique property, the adoption and 24 more properties", len(rep.SchemaChanges), rep.SchemaChanges)
		}
		if rep = w.adopt(id); len(rep.SchemaChanges) != 0 {
			t.Errorf("the second time: %q", rep.SchemaChanges)
		}
		w.wantTheirs(records, schema)
		w.wantAudited("property group thnks_hubspot_sync", "property "+keyProperty, "adopt custom object "+id+" (thnks)", "property status")

		if rep = w.must(Backfill); rep.Created != 60 {
			t.Errorf("created %d, want 60", rep.Created)
		}
		w.checkOurs()
		w.wantTheirs(records, schema)
		if rep = w.must(Incremental); calls(rep) != 0 || rep.Created != 0 {
			t.Errorf("%d calls, %d created in a pass without news", calls(rep), rep.Created)
		}
		st := w.open()
		defer st.Close()
		for _, f := range w.engine(st).Check(t.Context()) {
			if f.Level == Fail && f.Check != "disk" { // which is this machine's
				t.Errorf("%+v", f)
			}
		}
	})
}

// wantAudited checks that changes to the definition are in the audit.
func (w *world) wantAudited(whats ...string) {
	w.t.Helper()
	st := w.open()
	defer st.Close()
	var all []string
	for e, err := range st.Audit(context.Background()) {
		if err != nil {
			w.t.Fatal(err)
		}
		if e.Action == "schema" {
			all = append(all, e.Reasons...)
		}
	}
	for _, what := range whats {
		if !slices.Contains(all, what) {
			w.t.Errorf("no audit entry of %q among %q", what, all)
		}
	}
}

// TestAdoptRefuses names everything that stands in the way, and then nothing
// is written.
func TestAdoptRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(*world) string // returns the type id to adopt
		says []string
	}{
		{"no such object", func(w *world) string { w.strangers(0); return "2-1" }, []string{"no custom object 2-1; it has: 2-", "(thnks)"}},
		{"another name", func(w *world) string {
			w.portal.AddForeignSchema("gifts", textProperty("gift_name"))
			w.portal.RequireOnly("gifts")
			return w.schema("gifts").ID
		}, []string{"it is called gifts, and the configuration says thnks"}},
		{"the vendor's", func(w *world) string { return w.portal.AddForeignSchema("thnks") }, []string{"property status is of type string, not enumeration", "requires thnk_name"}},
		{"several types", func(w *world) string {
			return w.strangers(3, textProperty("gift_amount"), textProperty("sent_date"))
		}, []string{"gift_amount is of type string, not number", "sent_date is of type string, not datetime"}},
		{"key not unique", func(w *world) string { return w.strangers(3, textProperty(keyProperty)) }, []string{"thnks_transaction_id is not unique", "archived"}},
		{"deleted key not unique", func(w *world) string {
			id := w.strangers(3, textProperty(keyProperty))
			w.portal.ArchiveProperty("thnks", keyProperty)
			return id
		}, []string{"thnks_transaction_id is not unique", "would come back"}},
		{"deleted property of another type", func(w *world) string {
			id := w.strangers(3, textProperty("status"))
			w.portal.ArchiveProperty("thnks", "status")
			return id
		}, []string{"status is of type string", "would come back"}},
		{"no unique property left", func(w *world) string {
			var more []hubspottest.Property
			for i := range 10 {
				p := textProperty(fmt.Sprint("key", i))
				p.Unique = true
				more = append(more, p)
			}
			return w.strangers(3, more...)
		}, []string{"has 10 unique properties"}},
		{"another object of ours", func(w *world) string {
			w.must(Backfill)
			return w.portal.AddForeignSchema("thnks2")
		}, []string{"already, and 2-", "never changes its object"}},
		{"another account", func(w *world) string {
			w.cfg = func(c *Config) { c.AccountID = "4711" }
			return w.strangers(1)
		}, []string{"bound to account 4711"}},
		{"none named", func(w *world) string { return "" }, []string{"type id"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
				req := adopting(tt.make(w))
				if req.Keys[0] == "" {
					req.Keys = nil
				}
				before, _ := w.portal.SchemaOf("thnks")
				snapshot := w.portal.Snapshot()
				rep, err := w.run(context.Background(), req)
				var fatal *Fatal
				if !errors.As(err, &fatal) || len(rep.SchemaChanges) > 0 {
					t.Fatalf("error %v, changes %q; want a fatal error and none", err, rep.SchemaChanges)
				}
				for _, s := range tt.says {
					if !strings.Contains(err.Error(), s) {
						t.Errorf("%q does not say %q", err, s)
					}
				}
				after, _ := w.portal.SchemaOf("thnks")
				if diff := cmp.Diff(before, after); diff != "" || !sameSnapshot(snapshot, w.portal.Snapshot()) {
					t.Errorf("something was written:\n%s", diff)
				}
			})
		})
	}
}

// TestAdoptHalfReady: a unique key of theirs is taken as it is, options are
// added to theirs, a missing association definition is made.
func TestAdoptHalfReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
		key := textProperty(keyProperty)
		key.Unique = true
		status := hubspottest.Property{Name: "status", Label: "Their status", Type: "enumeration", FieldType: "radio", Options: []string{"sent", "lost"}}
		id := w.strangers(3, key, status)
		w.portal.UndefineAssociation("thnks", "deals")
		rep := w.adopt(id)
		for _, want := range []string{"add property thnks_transaction_id to group thnks_hubspot_sync", "add association definition to deals"} {
			if !slices.Contains(rep.SchemaChanges, want) {
				t.Errorf("changes %q, want %q", rep.SchemaChanges, want)
			}
		}
		s := w.schema("thnks")
		for _, p := range s.Properties {
			switch p.Name {
			case "status":
				if p.Options[0] != "sent" || p.Options[1] != "lost" || len(p.Options) != 11 || p.Group == "thnks_hubspot_sync" {
					t.Errorf("status %+v, want theirs with our options added", p)
				}
			case keyProperty:
				if p.Group != "thnks_hubspot_sync" {
					t.Errorf("the key is in group %s", p.Group)
				}
			}
		}
		if !slices.Contains(s.AssociatedWith, "deals") {
			t.Errorf("associated with %v", s.AssociatedWith)
		}
		ann, _, deal := w.person("ann@example.com")
		w.gift("T-1", "ann@example.com", 0)
		w.must(Backfill)
		w.wantLinked("T-1", map[string][]string{"contacts": {ann}, "companies": w.links(w.record("T-1"))["companies"], "deals": {deal}})
	})
}

// TestAdoptedObjectIsFoundAgain without the state file: by the mark.
func TestAdoptedObjectIsFoundAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
		w.adopt(w.strangers(30))
		w.populate(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 40, Recipients: 20}), 0.8)
		w.must(Backfill)
		records, schema := w.theirs(), w.schema("thnks")
		w.path = t.TempDir() + "/state/acme.db"
		if rep := w.must(Backfill); rep.Created != 0 || rep.Updated != 0 {
			t.Errorf("%d created, %d updated after the state file was lost", rep.Created, rep.Updated)
		}
		w.checkOurs()
		w.wantTheirs(records, schema)
	})
}

// TestAdoptAmongMany: thousands of a stranger's records cost the calls of one
// listing, once, and no line each.
func TestAdoptAmongMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const many = 1500
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
		w.adopt(w.strangers(many))
		w.gift("T-1", "ann@example.com", 0)
		rep := w.must(Backfill)
		// live and archived records by the hundred, a look whether there are any, a look-up and a create
		if rep.Created != 1 || rep.HubSpotCalls[hubspot.Objects] > many/100+2+1+2 || rep.HubSpotCalls[hubspot.Associations] > 0 {
			t.Errorf("created %d with calls %v", rep.Created, rep.HubSpotCalls)
		}
		w.settled()
	})
}

// TestCrashAtEveryStepOfAnAdoption kills it before and after each of its calls
// and commits. A sync after that either takes a complete stranger's object for
// what it is, or ours; the adoption done again completes it in both cases.
func TestCrashAtEveryStepOfAnAdoption(t *testing.T) {
	t.Parallel()
	var complete []hubspottest.Property // of an object that the program made
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
		w.must(Backfill)
		complete = w.schema("thnks").Properties
	})
	everyStep(t, 1, func(t *testing.T, step int) bool {
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
		id := w.strangers(12)
		w.portal.UndefineAssociation("thnks", "companies")
		w.populate(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 3, Recipients: 3}), 1)
		records, schema := w.theirs(), w.schema("thnks")

		alive := w.dieIn(step, adopting(id))
		if step%4 < 2 { // a call or commit has two steps
			if _, err := w.run(context.Background(), Request{Mode: Backfill}); err != nil && !strings.Contains(err.Error(), "check --adopt "+id) {
				t.Errorf("step %d: a sync says %v", step, err)
			}
		}
		w.adopt(id)
		w.must(Backfill)
		w.checkOurs()
		w.wantTheirs(records, schema)
		s := w.schema("thnks")
		for _, want := range complete {
			if !slices.ContainsFunc(s.Properties, func(p hubspottest.Property) bool { return p.Name == want.Name }) {
				t.Errorf("step %d: property %s is missing", step, want.Name)
			}
		}
		return alive
	})
}

// TestAdoptHubSpotSaysNo: a refusal of the unique property leaves the object a
// stranger's.
func TestAdoptHubSpotSaysNo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
		id := w.strangers(3)
		w.portal.Fault(hubspottest.Fault{Method: http.MethodPost, PathContains: "/properties/", After: 1, Count: -1, Status: http.StatusBadRequest})
		_, err := w.run(context.Background(), adopting(id))
		if err == nil {
			t.Fatal("no error")
		}
		st := w.open()
		defer st.Close()
		if known, err := st.Meta(metaObject); known != nil || err != nil {
			t.Errorf("recorded %s, error %v; want nothing recorded", known, err)
		}
	})
}

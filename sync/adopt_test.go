package sync_test

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
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/doctor"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// strangers adds an object as the vendor's integration makes one, with records
// and links of its own, and returns its type id.
func strangers(w *simulation.World, records int, more ...hubspottest.Property) string {
	id := w.Portal.AddForeignSchema("thnks", append([]hubspottest.Property{simulation.TextProperty("thnk_name"), simulation.TextProperty("gift_type")}, more...)...)
	w.Portal.RequireOnly("thnks")
	contact := w.Portal.AddContact("theirs@example.com", nil)
	for i := range records {
		r := w.Portal.AddRecord("thnks", map[string]string{"thnk_name": fmt.Sprint("Theirs ", i), "gift_type": "card"})
		w.Portal.Associate("thnks", r, "contacts", contact)
		if i%10 == 9 {
			w.Portal.Archive("thnks", r)
		}
	}
	return id
}

// theirs are the records without a transaction id.
func theirs(w *simulation.World) map[string]hubspottest.SnapshotRecord {
	all := w.Portal.Snapshot()["thnks"]
	maps.DeleteFunc(all, func(_ string, r hubspottest.SnapshotRecord) bool { return r.Properties["thnks_transaction_id"] != "" })
	return all
}

// wantTheirs checks that the stranger's records, properties and labels are as
// they were.
func wantTheirs(w *simulation.World, records map[string]hubspottest.SnapshotRecord, was hubspottest.Schema) {
	w.T.Helper()
	if diff := cmp.Diff(records, theirs(w)); diff != "" {
		w.T.Errorf("the stranger's records (-before +after):\n%s", diff)
	}
	now, _ := w.Portal.SchemaOf("thnks")
	for _, p := range was.Properties {
		if i := slices.IndexFunc(now.Properties, func(q hubspottest.Property) bool { return q.Name == p.Name }); i < 0 || cmp.Diff(p, now.Properties[i]) != "" {
			w.T.Errorf("the stranger's property %s has changed", p.Name)
		}
	}
	if now.Singular != was.Singular || now.Plural != was.Plural || now.Primary != was.Primary || !slices.Equal(now.Searchable, was.Searchable) {
		w.T.Errorf("the definition has changed from %+v to %+v", was, now)
	}
}

// checkOurs is [simulation.World.Check] for an object that has a stranger's records
// too.
func checkOurs(w *simulation.World) {
	w.T.Helper()
	ours := 0
	for r := range w.Portal.Records("thnks") {
		if r.Properties["thnks_transaction_id"] != "" {
			ours++
		}
	}
	if n := len(w.Thnks.Transactions()); ours != n {
		w.T.Errorf("%d records of ours for %d transactions", ours, n)
	}
	people := w.Contacts()
	for _, tx := range w.Thnks.Transactions() {
		if diff := cmp.Diff(w.LinksDue(people, tx), w.Links(w.Record(tx.ID))); diff != "" {
			w.T.Errorf("transaction %s: links differ (-want +got):\n%s", tx.ID, diff)
		}
	}
}

func adopting(id string) giftsync.Request {
	return giftsync.Request{Mode: giftsync.Adopt, Keys: []string{id}}
}

func adopt(w *simulation.World, id string) giftsync.Report {
	w.T.Helper()
	rep, err := w.Run(context.Background(), adopting(id))
	if err != nil {
		w.T.Fatalf("adopt: %v", err)
	}
	return rep
}

// TestAdopt takes a stranger's object over, twice, and syncs into it, twice.
// What it does is what its dry run says.
func TestAdopt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{PropertyLag: 700 * time.Millisecond}, thnksapitest.Options{})
		id := strangers(w, 25)
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 60, Recipients: 20}), 0.8)
		records, schema := theirs(w), w.Schema("thnks")
		if _, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Backfill}); err == nil || !strings.Contains(err.Error(), "check --adopt "+id+" --portal acme") {
			t.Fatalf("before: %v, want the command named", err)
		}

		dry := adopting(id)
		dry.DryRun = true
		planned, err := w.Run(context.Background(), dry)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(schema, w.Schema("thnks")); diff != "" {
			t.Errorf("the dry run changed the definition:\n%s", diff)
		}
		rep := adopt(w, id)
		if diff := cmp.Diff(planned.SchemaChanges, rep.SchemaChanges); diff != "" {
			t.Errorf("planned and done differ (-planned +done):\n%s", diff)
		}
		if len(rep.SchemaChanges) != 1+1+25 || rep.SchemaChanges[1] != "add property "+"thnks_transaction_id" || rep.SchemaChanges[2] != "adopt custom object "+id+" (thnks)" {
			t.Errorf("%d changes, %q; want the group, the unique property, the adoption and 24 more properties", len(rep.SchemaChanges), rep.SchemaChanges)
		}
		if rep = adopt(w, id); len(rep.SchemaChanges) != 0 {
			t.Errorf("the second time: %q", rep.SchemaChanges)
		}
		wantTheirs(w, records, schema)
		wantAudited(w, "property group thnks_hubspot_sync", "property "+"thnks_transaction_id", "adopt custom object "+id+" (thnks)", "property status")

		if rep = w.Must(giftsync.Backfill); rep.Created != 60 {
			t.Errorf("created %d, want 60", rep.Created)
		}
		checkOurs(w)
		wantTheirs(w, records, schema)
		if rep = w.Must(giftsync.Incremental); simulation.Calls(rep) != 0 || rep.Created != 0 {
			t.Errorf("%d calls, %d created in a pass without news", simulation.Calls(rep), rep.Created)
		}
		st := w.Open()
		defer st.Close()
		for _, f := range doctor.Check(t.Context(), w.Engine(st).View(), w.Client(), nil) {
			if f.Level == doctor.Fail && f.Check != "disk" { // which is this machine's
				t.Errorf("%+v", f)
			}
		}
	})
}

// wantAudited checks that changes to the definition are in the audit.
func wantAudited(w *simulation.World, whats ...string) {
	w.T.Helper()
	st := w.Open()
	defer st.Close()
	var all []string
	for e, err := range st.Audit(context.Background()) {
		if err != nil {
			w.T.Fatal(err)
		}
		if e.Action == "schema" {
			all = append(all, e.Reasons...)
		}
	}
	for _, what := range whats {
		if !slices.Contains(all, what) {
			w.T.Errorf("no audit entry of %q among %q", what, all)
		}
	}
}

// TestAdoptRefuses names everything that stands in the way, and then nothing
// is written.
func TestAdoptRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(*simulation.World) string // returns the type id to adopt
		says []string
	}{
		{"no such object", func(w *simulation.World) string { strangers(w, 0); return "2-1" }, []string{"no custom object 2-1; it has: 2-", "(thnks)"}},
		{"another name", func(w *simulation.World) string {
			w.Portal.AddForeignSchema("gifts", simulation.TextProperty("gift_name"))
			w.Portal.RequireOnly("gifts")
			return w.Schema("gifts").ID
		}, []string{"it is called gifts, and the configuration says thnks"}},
		{"the vendor's", func(w *simulation.World) string { return w.Portal.AddForeignSchema("thnks") }, []string{"property status is of type string, not enumeration", "requires thnk_name"}},
		{"several types", func(w *simulation.World) string {
			return strangers(w, 3, simulation.TextProperty("gift_amount"), simulation.TextProperty("sent_date"))
		}, []string{"gift_amount is of type string, not number", "sent_date is of type string, not datetime"}},
		{"key not unique", func(w *simulation.World) string {
			return strangers(w, 3, simulation.TextProperty("thnks_transaction_id"))
		}, []string{"thnks_transaction_id is not unique", "archived"}},
		{"deleted key not unique", func(w *simulation.World) string {
			id := strangers(w, 3, simulation.TextProperty("thnks_transaction_id"))
			w.Portal.ArchiveProperty("thnks", "thnks_transaction_id")
			return id
		}, []string{"thnks_transaction_id is not unique", "would come back"}},
		{"deleted property of another type", func(w *simulation.World) string {
			id := strangers(w, 3, simulation.TextProperty("status"))
			w.Portal.ArchiveProperty("thnks", "status")
			return id
		}, []string{"status is of type string", "would come back"}},
		{"no unique property left", func(w *simulation.World) string {
			var more []hubspottest.Property
			for i := range 10 {
				p := simulation.TextProperty(fmt.Sprint("key", i))
				p.Unique = true
				more = append(more, p)
			}
			return strangers(w, 3, more...)
		}, []string{"has 10 unique properties"}},
		{"another object of ours", func(w *simulation.World) string {
			w.Must(giftsync.Backfill)
			return w.Portal.AddForeignSchema("thnks2")
		}, []string{"already, and 2-", "never changes its object"}},
		{"another account", func(w *simulation.World) string {
			w.Configure = func(c *giftsync.Config) { c.AccountID = "4711" }
			return strangers(w, 1)
		}, []string{"bound to account 4711"}},
		{"none named", func(w *simulation.World) string { return "" }, []string{"type id"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
				req := adopting(tt.make(w))
				if req.Keys[0] == "" {
					req.Keys = nil
				}
				before, _ := w.Portal.SchemaOf("thnks")
				snapshot := w.Portal.Snapshot()
				rep, err := w.Run(context.Background(), req)
				var fatal *giftsync.Fatal
				if !errors.As(err, &fatal) || len(rep.SchemaChanges) > 0 {
					t.Fatalf("error %v, changes %q; want a fatal error and none", err, rep.SchemaChanges)
				}
				for _, s := range tt.says {
					if !strings.Contains(err.Error(), s) {
						t.Errorf("%q does not say %q", err, s)
					}
				}
				after, _ := w.Portal.SchemaOf("thnks")
				if diff := cmp.Diff(before, after); diff != "" || !simulation.Same(snapshot, w.Portal.Snapshot()) {
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
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		key := simulation.TextProperty("thnks_transaction_id")
		key.Unique = true
		status := hubspottest.Property{Name: "status", Label: "Their status", Type: "enumeration", FieldType: "radio", Options: []string{"sent", "lost"}}
		id := strangers(w, 3, key, status)
		w.Portal.UndefineAssociation("thnks", "deals")
		rep := adopt(w, id)
		for _, want := range []string{"add property thnks_transaction_id to group thnks_hubspot_sync", "add association definition to deals"} {
			if !slices.Contains(rep.SchemaChanges, want) {
				t.Errorf("changes %q, want %q", rep.SchemaChanges, want)
			}
		}
		s := w.Schema("thnks")
		for _, p := range s.Properties {
			switch p.Name {
			case "status":
				if p.Options[0] != "sent" || p.Options[1] != "lost" || len(p.Options) != 11 || p.Group == "thnks_hubspot_sync" {
					t.Errorf("status %+v, want theirs with our options added", p)
				}
			case "thnks_transaction_id":
				if p.Group != "thnks_hubspot_sync" {
					t.Errorf("the key is in group %s", p.Group)
				}
			}
		}
		if !slices.Contains(s.AssociatedWith, "deals") {
			t.Errorf("associated with %v", s.AssociatedWith)
		}
		ann, _, deal := w.AddPerson("ann@example.com")
		w.AddGift("T-1", "ann@example.com", 0)
		w.Must(giftsync.Backfill)
		w.WantLinked("T-1", map[string][]string{"contacts": {ann}, "companies": w.Links(w.Record("T-1"))["companies"], "deals": {deal}})
	})
}

// TestAdoptedObjectIsFoundAgain without the state file: by the mark.
func TestAdoptedObjectIsFoundAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		adopt(w, strangers(w, 30))
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 40, Recipients: 20}), 0.8)
		w.Must(giftsync.Backfill)
		records, schema := theirs(w), w.Schema("thnks")
		w.Path = t.TempDir() + "/state/acme.db"
		if rep := w.Must(giftsync.Backfill); rep.Created != 0 || rep.Updated != 0 {
			t.Errorf("%d created, %d updated after the state file was lost", rep.Created, rep.Updated)
		}
		checkOurs(w)
		wantTheirs(w, records, schema)
	})
}

// TestAdoptAmongMany: thousands of a stranger's records cost the calls of one
// listing, once, and no line each.
func TestAdoptAmongMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const many = 1500
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		adopt(w, strangers(w, many))
		w.AddGift("T-1", "ann@example.com", 0)
		rep := w.Must(giftsync.Backfill)
		// live and archived records by the hundred, a look whether there are any, a look-up and a create
		if rep.Created != 1 || rep.HubSpotCalls[hubspot.Objects] > many/100+2+1+2 || rep.HubSpotCalls[hubspot.Associations] > 0 {
			t.Errorf("created %d with calls %v", rep.Created, rep.HubSpotCalls)
		}
		w.CheckSettled()
	})
}

// TestCrashAtEveryStepOfAnAdoption kills it before and after each of its calls
// and commits. A sync after that either takes a complete stranger's object for
// what it is, or ours; the adoption done again completes it in both cases.
func TestCrashAtEveryStepOfAnAdoption(t *testing.T) {
	t.Parallel()
	var complete []hubspottest.Property // of an object that the program made
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Must(giftsync.Backfill)
		complete = w.Schema("thnks").Properties
	})
	simulation.EveryStep(t, 1, func(t *testing.T, step int) bool {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		id := strangers(w, 12)
		w.Portal.UndefineAssociation("thnks", "companies")
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 3, Recipients: 3}), 1)
		records, schema := theirs(w), w.Schema("thnks")

		alive := w.DieIn(step, adopting(id))
		if step%4 < 2 { // a call or commit has two steps
			if _, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Backfill}); err != nil && !strings.Contains(err.Error(), "check --adopt "+id) {
				t.Errorf("step %d: a sync says %v", step, err)
			}
		}
		adopt(w, id)
		w.Must(giftsync.Backfill)
		checkOurs(w)
		wantTheirs(w, records, schema)
		s := w.Schema("thnks")
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
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		id := strangers(w, 3)
		w.Portal.Fault(hubspottest.Fault{Method: http.MethodPost, PathContains: "/properties/", After: 1, Count: -1, Status: http.StatusBadRequest})
		_, err := w.Run(context.Background(), adopting(id))
		if err == nil {
			t.Fatal("no error")
		}
		st := w.Open()
		defer st.Close()
		if known, err := st.Meta(giftsync.MetaObject); known != nil || err != nil {
			t.Errorf("recorded %s, error %v; want nothing recorded", known, err)
		}
	})
}

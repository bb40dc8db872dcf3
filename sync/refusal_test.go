package sync_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestWholeCall404IsNoDeletion: the call is answered with 404, not the
// records.
func TestWholeCall404IsNoDeletion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 50, Recipients: 20}), 1)
		w.Must(giftsync.Backfill)
		time.Sleep(time.Hour)
		for i := 1; i <= 50; i++ {
			w.Thnks.Update(fmt.Sprintf("T-%06d", i), func(tx *thnksapitest.Transaction) { tx.TrackingURL += "x" })
		}
		w.WrapHubSpot = simulation.Failing("/batch/update", 0, 404, `{"status":"error","message":"resource not found"}`)
		if _, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Incremental}); err == nil {
			t.Fatal("want an error")
		}
		w.WrapHubSpot = nil
		time.Sleep(time.Hour)
		if rep := w.Must(giftsync.Incremental); rep.Updated != 50 || simulation.Skipped(rep) != 0 {
			t.Errorf("once HubSpot answers again: updated %d, taken for deleted %d; want 50 and 0", rep.Updated, simulation.Skipped(rep))
		}
		w.Check()
	})
}

// associating makes a world where the second pass has links to make behind
// the writes: orphans whose gift changes after their contact appeared.
func associating(t *testing.T, n int) *simulation.World {
	w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
	time.Sleep(simulation.Day)
	at := time.Now().UTC().Add(-time.Hour)
	for i := range n {
		w.Thnks.Add(simulation.Transaction(fmt.Sprintf("T-%04d", i), at, fmt.Sprintf("p%d@example.com", i)))
	}
	w.Must(giftsync.Backfill)
	for i := range n {
		w.Portal.AddContact(fmt.Sprintf("p%d@example.com", i), nil)
		w.Thnks.Update(fmt.Sprintf("T-%04d", i), func(tx *thnksapitest.Transaction) { tx.TrackingURL = "x" })
	}
	return w
}

// TestWholeCallErrorsForgoNoLinks: an error that ends the call says
// nothing about pairs that were never tried.
func TestWholeCallErrorsForgoNoLinks(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]struct {
		status int
		body   string
	}{
		"systematic refusal": {400, `{"status":"error","category":"VALIDATION_ERROR","message":"no"}`},
		"path not found":     {404, `{"status":"error","message":"resource not found"}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := associating(t, 50)
				w.WrapHubSpot = simulation.Failing("/contacts/batch/create", 0, answer.status, answer.body)
				if _, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Incremental}); err == nil {
					t.Fatal("want an error")
				}
				w.WrapHubSpot = nil
				time.Sleep(time.Hour)
				w.Must(giftsync.Incremental)
				time.Sleep(time.Hour)
				w.Must(giftsync.Backfill)
				linked := 0
				for r := range w.Portal.Records("thnks") {
					linked += len(w.Links(r.ID)["contacts"])
				}
				if linked != 50 {
					t.Errorf("once fixed, %d of 50 gifts are linked", linked)
				}
			})
		})
	}
}

// TestPairPassedOver: HubSpot never speaks of one pair.
func TestPairPassedOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := associating(t, 10)
		w.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
			return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
				if !strings.Contains(req.URL.Path, "/contacts/batch/create") {
					return next.RoundTrip(req)
				}
				// Every answer passes the first record's pair over.
				var in, rest struct {
					Inputs []json.RawMessage `json:"inputs"`
				}
				b, _ := io.ReadAll(req.Body)
				json.Unmarshal(b, &in)
				for _, i := range in.Inputs {
					if !bytes.Contains(i, []byte(w.Portal.Find("thnks", "thnks_transaction_id", "T-0003")[0].ID)) {
						rest.Inputs = append(rest.Inputs, i)
					}
				}
				if len(rest.Inputs) == 0 {
					return simulation.Reply(req, 200, `{"status":"COMPLETE","results":[]}`), nil
				}
				b, _ = json.Marshal(rest)
				req = req.Clone(req.Context())
				req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
				return next.RoundTrip(req)
			})
		}
		_, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Incremental})
		w.WrapHubSpot = nil
		if err != nil {
			w.Must(giftsync.Incremental)
			w.Check()
			return
		}
		st := w.Open()
		defer st.Close()
		s, _, _ := st.Gift("T-0003")
		if s.Gift.TrackingURL != "x" {
			t.Error("the run ended well and moved its checkpoint, but a gift that it wrote is not recorded")
		}
	})
}

// TestGuardMeasuresAShareOfRows: bad rows are put to the guard in one
// go, whatever lies between them.
func TestGuardMeasuresAShareOfRows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		txs := thnksapitest.Generate(thnksapitest.Data{Seed: 5, N: 1600, Recipients: 200})
		for i := range txs {
			if i%5 == 0 {
				txs[i].ID = "" // 320 of 1,600: a fifth, evenly spread
			}
		}
		w.Populate(txs, 0.8)
		if _, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Backfill}); err != nil {
			t.Fatalf("a fifth of the rows has no id, and the portal stops: %v", err)
		}
	})
}

func TestRetryIsNotStoppedByTheGuard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Bounds.WindowRows = 500
		txs := thnksapitest.Generate(thnksapitest.Data{Seed: 5, N: 1600, Recipients: 200})
		for i := range txs {
			if i%5 == 0 {
				txs[i].ID = ""
			}
			if txs[i].Message == "" {
				txs[i].Message = "Thanks"
			}
		}
		w.Must(giftsync.Backfill)
		w.Portal.RequireProperty("thnks", "message")
		txs[77].Message = ""
		w.Populate(txs, 0.8)
		w.Must(giftsync.Backfill)
		w.Bounds.WindowRows = 0 // the default
		w.Portal.ClearRules()
		if rep, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Retry}); err != nil || rep.Created != 1 {
			t.Errorf("the fixed record stays in quarantine beside those without an id: created %d, %v", rep.Created, err)
		}
	})
}

// TestSchemaProblemOfAShare: where two in five are refused, slices of a window
// are recorded before the guard steps in, and gifts set aside with them. Once
// fixed, these get through with the others.
func TestSchemaProblemOfAShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 14}, thnksapitest.Options{})
		w.Must(giftsync.Backfill)
		time.Sleep(time.Hour)
		w.Portal.RequireProperty("thnks", "message")
		txs := thnksapitest.Generate(thnksapitest.Data{Seed: 14, N: 1000, Recipients: 200})
		for i := range txs {
			txs[i].Message = "Thanks"
			if i%5 < 2 {
				txs[i].Message = ""
			}
		}
		w.Populate(txs, 0.8)
		_, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Backfill})
		var fatal *giftsync.Fatal
		if !errors.As(err, &fatal) {
			t.Fatalf("got %v, want a fatal schema problem", err)
		}
		if n := w.Portal.Count("thnks"); n < 300 {
			t.Fatalf("%d records were made before the guard stepped in, want a slice's", n)
		}
		w.Portal.ClearRules()
		time.Sleep(time.Hour)
		if rep := w.Must(giftsync.Backfill); rep.Created+rep.Unchanged != 1000 || rep.Quarantined != 0 {
			t.Errorf("once fixed: created %d, unchanged %d, quarantined %d; want all 1000 and none set aside", rep.Created, rep.Unchanged, rep.Quarantined)
		}
		w.Check()
	})
}

// TestInterruptedSchemaProblem: what was refused in a window that could
// not be finished was never judged.
func TestInterruptedSchemaProblem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 13}, thnksapitest.Options{})
		w.Must(giftsync.Backfill)
		w.Portal.RequireProperty("thnks", "thank_you_note")
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 13, N: 1000, Recipients: 200}), 0.8)
		// Everything is refused, and before the window is through the
		// connection fails.
		w.WrapHubSpot = simulation.Failing("/batch/create", 25, 503, "")
		if _, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Backfill}); err == nil {
			t.Fatal("want an error")
		}
		w.WrapHubSpot = nil
		time.Sleep(time.Hour)
		w.Run(context.Background(), giftsync.Request{Mode: giftsync.Backfill}) // may find the schema problem
		w.Portal.ClearRules()
		if rep := w.Must(giftsync.Backfill); rep.Created != 1000 || rep.Quarantined != 0 {
			t.Errorf("once fixed: created %d, quarantined %d; want all 1000 and none set aside", rep.Created, rep.Quarantined)
		}
	})
}

// TestInnocentsOfARefusedBatch: records given up because their batch had
// too many culprits were not refused themselves.
func TestInnocentsOfARefusedBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 13}, thnksapitest.Options{})
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 13, N: 150, Recipients: 50}), 0.8)
		w.Must(giftsync.Backfill)
		time.Sleep(time.Hour)
		for i := 1; i <= 150; i++ {
			w.Thnks.Update(fmt.Sprintf("T-%06d", i), func(tx *thnksapitest.Transaction) { tx.TrackingURL += "x" })
		}
		// The batch of the last 50 meets a sick server; that of the first 100
		// is refused as a whole.
		last := w.Portal.Find("thnks", "thnks_transaction_id", "T-000149")[0].ID
		w.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
			return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
				if !strings.Contains(req.URL.Path, "/batch/update") {
					return next.RoundTrip(req)
				}
				b, _ := io.ReadAll(req.Body)
				if bytes.Contains(b, []byte(last)) {
					return simulation.Reply(req, 503, ""), nil
				}
				time.Sleep(5 * time.Second) // slower than the other batch's retries
				return simulation.Reply(req, 400, `{"status":"error","category":"VALIDATION_ERROR","message":"no"}`), nil
			})
		}
		if _, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Incremental}); err == nil {
			t.Fatal("want an error")
		}
		w.WrapHubSpot = nil
		time.Sleep(time.Minute)
		if rep := w.Must(giftsync.Incremental); rep.Quarantined != 0 || rep.Updated != 150 {
			t.Errorf("quarantined %d, updated %d; want 0 and 150", rep.Quarantined, rep.Updated)
		}
	})
}

// TestRetryLosesNothing: a retried gift is created and its link is not.
func TestRetryLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		time.Sleep(simulation.Day)
		w.Must(giftsync.Backfill)
		w.Portal.RequireProperty("thnks", "message")
		contact := w.Portal.AddContact("p@example.com", nil)
		w.Portal.SetPrimaryCompany(contact, w.Portal.AddCompany(map[string]string{"name": "Acme"}))
		w.Thnks.Add(simulation.Transaction("T-1", time.Now().UTC().Add(-time.Hour), "p@example.com"))
		if rep := w.Must(giftsync.Backfill); rep.Quarantined != 1 {
			t.Fatalf("%+v", rep)
		}
		w.Portal.ClearRules()
		time.Sleep(time.Hour)
		w.Portal.Fault(hubspottest.Fault{PathContains: "/batch/create", Kind: hubspottest.ResetConn, AfterEffect: true})
		w.Portal.Fault(hubspottest.Fault{PathContains: "/companies/batch/create", Count: -1, Kind: hubspottest.RespondStatus, Status: 503})
		if _, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Retry}); err == nil {
			t.Fatal("want an error")
		}
		w.Portal.ClearFaults()
		time.Sleep(time.Hour)
		w.Must(giftsync.Retry)
		w.Must(giftsync.Incremental)
		w.Check()
		st := w.Open()
		defer st.Close()
		if _, ok, err := st.Gift("T-1"); !ok || err != nil {
			t.Errorf("the gift is in HubSpot, but neither in the journal nor in quarantine any more (%v)", err)
		}
	})
}

// TestUnchangedGiftLeavesQuarantine: the source goes back to what HubSpot
// has.
func TestUnchangedGiftLeavesQuarantine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		tx := simulation.Transaction("T-1", time.Now().UTC(), "")
		w.Thnks.Add(tx)
		w.Must(giftsync.Backfill)
		w.Portal.AddConditionalRule("thnks", "status", "opened", "thank_you_note")
		time.Sleep(time.Hour)
		w.Thnks.Update("T-1", func(tx *thnksapitest.Transaction) { tx.Status = "opened"; tx.UpdatedAt = time.Now().UTC() })
		if rep := w.Must(giftsync.Incremental); rep.Quarantined != 1 {
			t.Fatalf("%+v", rep)
		}
		time.Sleep(time.Hour)
		w.Thnks.Update("T-1", func(tx *thnksapitest.Transaction) { tx.Status = "sent"; tx.UpdatedAt = time.Now().UTC() })
		if rep := w.Must(giftsync.Incremental); rep.Unchanged != 1 {
			t.Fatalf("%+v", rep)
		}
		st := w.Open()
		n, _ := st.QuarantineCount()
		st.Close()
		if n != 0 {
			t.Error("the gift is as HubSpot has it, and still in quarantine")
		}
		w.Portal.ClearRules()
		w.Must(giftsync.Retry)
		if r := w.Portal.Find("thnks", "thnks_transaction_id", "T-1")[0]; r.Properties["status"] != "sent" {
			t.Errorf("the retry wrote the outdated row: status %s, want sent", r.Properties["status"])
		}
	})
}

// TestSystematicLeavesSomethingToLookAt: the remedy must lead somewhere.
func TestSystematicLeavesSomethingToLookAt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 13}, thnksapitest.Options{})
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 13, N: 150, Recipients: 50}), 0.8)
		w.Must(giftsync.Backfill)
		time.Sleep(time.Hour)
		for i := 1; i <= 150; i++ {
			w.Thnks.Update(fmt.Sprintf("T-%06d", i), func(tx *thnksapitest.Transaction) { tx.TrackingURL += "x" })
		}
		w.WrapHubSpot = simulation.Failing("/batch/update", 0, 400, `{"status":"error","category":"VALIDATION_ERROR","message":"the very reason"}`)
		rep, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Incremental})
		st := w.Open()
		defer st.Close()
		n, _ := st.QuarantineCount()
		if err != nil && strings.Contains(err.Error(), "quarantine list") && n == 0 {
			t.Errorf("the remedy sends the admin to an empty quarantine (the report counts %d there): %v", rep.Quarantined, err)
		}
	})
}

// TestNoCompanyWithoutContact: company and deals follow the linked contact.
func TestNoCompanyWithoutContact(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		time.Sleep(simulation.Day)
		at := time.Now().UTC().Add(-time.Hour)
		w.Thnks.Add(simulation.Transaction("T-1", at, "p@example.com"))
		contact := w.Portal.AddContact("p@example.com", nil)
		company := w.Portal.AddCompany(map[string]string{"name": "Acme"})
		w.Portal.SetPrimaryCompany(contact, company)
		// The contact is deleted between the look-up and the write.
		w.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
			return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
				if strings.HasSuffix(req.URL.Path, "/batch/create") && strings.Contains(req.URL.Path, "/crm/objects/2026-09/2-") && contact != "" {
					w.Portal.Archive("contacts", contact)
					contact = ""
				}
				return next.RoundTrip(req)
			})
		}
		rep := w.Must(giftsync.Backfill)
		r := w.Portal.Find("thnks", "thnks_transaction_id", "T-1")[0]
		if l := w.Links(r.ID); len(l["contacts"]) == 0 && len(l["companies"]) > 0 {
			t.Errorf("an orphan (%v) is linked to the company of a contact that it is not linked to: %v", rep.Orphans, l)
		}
	})
}

package card_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// served is the world's server behind a real listener, and a page that reaches it.
func (w *world) served(b *testing.B) hubspottest.Page {
	b.Helper()
	server := httptest.NewServer(w.server)
	b.Cleanup(server.Close)
	page := w.page()
	page.Client = &http.Client{Transport: listener(server.Listener.Addr().String())}
	return page
}

// listener sends every request to one address: signatures are over the public one.
type listener string

func (l listener) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", string(l)
	return http.DefaultTransport.RoundTrip(r)
}

// percentiles reports the median and the 99th percentile of some times.
func percentiles(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	for name, share := range map[string]int{"p50-ms": 50, "p99-ms": 99} {
		b.ReportMetric(float64(took[(len(took)-1)*share/100].Microseconds())/1000, name)
	}
}

// BenchmarkCard measures the first answer of a card, of a portal with 100,000 gifts:
// that of a contact with 20, and that of a company with 100, for which HubSpot is asked
// with the 120 ms that a call takes.
func BenchmarkCard(b *testing.B) {
	w := newWorld(b)
	company := w.portal.AddCompany(nil)
	contacts := make([]string, 5000)
	for i := range contacts {
		contacts[i] = w.contact(fmt.Sprintf("p%d@beta.example", i), "P", fmt.Sprint(i))
	}
	for first := 0; first < 100_000; first += 500 {
		gifts := make([]plan.Stored, 500)
		for i := range gifts {
			n := first + i
			g := sentGift(n%300, plan.Delivered, "7.50")
			g.ID = fmt.Sprintf("T-%d", n)
			record := fmt.Sprint(9_000_000 + n)
			if n < 100 {
				record = w.portal.AddRecord(w.object, map[string]string{"gift_name": "Morning Coffee"})
				w.portal.Associate(w.object, record, "companies", company)
			}
			gifts[i] = plan.Stored{ObjectID: record, Gift: g, Mapping: 1, Links: []plan.Link{{Kind: plan.Contact, ID: contacts[n%len(contacts)]}}}
		}
		if err := w.store.Commit(store.Commit{Gifts: gifts}); err != nil {
			b.Fatal(err)
		}
	}
	page := w.served(b)
	ask := func(b *testing.B, typeID, id string) time.Duration {
		a, err := w.portal.Fetch(b.Context(), page, http.MethodGet, query(public+"/hubspot/card/gifts", "objectTypeId", typeID, "objectId", id), nil)
		if err != nil || a.Status != 200 {
			b.Fatalf("%+v, %v", a, err)
		}
		return a.Time
	}
	b.Run("contact", func(b *testing.B) {
		var took []time.Duration
		for i := 0; b.Loop(); i++ {
			took = append(took, ask(b, "0-1", contacts[i%len(contacts)]))
		}
		percentiles(b, took)
	})
	b.Run("company", func(b *testing.B) {
		w.portal.Fault(hubspottest.Fault{PathContains: "associations", Kind: hubspottest.DelayAnswer, Delay: 120 * time.Millisecond, Count: -1})
		var took []time.Duration
		for b.Loop() {
			w.restart() // a new process has nothing in its memory
			page = w.served(b)
			took = append(took, ask(b, "0-2", company))
		}
		percentiles(b, took)
	})
}

// BenchmarkAction measures the answer to a workflow's request, each for another
// contact: the gift's intent and its outcome are on disk, and Thnks takes 150 ms.
func BenchmarkAction(b *testing.B) {
	w := newWorld(b)
	w.rules.SenderBudget, w.rules.PortalBudget = usd("100000000"), usd("100000000")
	w.thnks.Fault(thnksapitest.Fault{Path: "gift_requests", Effect: thnksapitest.SlowOnly, Delay: 150 * time.Millisecond})
	flow := w.workflow()
	flow.Client = w.served(b).Client
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		contact := w.contact(fmt.Sprintf("p%d@beta.example", i), "P", "Q")
		b.StartTimer()
		e := w.portal.Await(b.Context(), w.portal.Enrol(b.Context(), flow, contact, inputs("5659")))
		if e.State != "SUCCESS" {
			b.Fatalf("%+v", e)
		}
		took = append(took, e.Answer)
	}
	percentiles(b, took)
}

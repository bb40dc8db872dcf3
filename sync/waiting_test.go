package sync_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// required reports whether the state file has it that HubSpot requires a contact.
func required(w *simulation.World) bool {
	w.T.Helper()
	st := w.Open()
	defer st.Close()
	since, err := w.Engine(st).View().Portal.Records.ContactRequired()
	if err != nil {
		w.T.Error(err)
	}
	return !since.IsZero()
}

// TestContactRequired: an admin has made a contact required of new records. Gifts
// whose recipient is none wait, however many, and nothing else is held up. They are
// created when their contact appears: by a day's pass, an admin's look at orphans,
// or a retry.
func TestContactRequired(t *testing.T) {
	t.Parallel()
	n := 400 // that HubSpot refuses, more than would stop a run for another reason
	if simulation.RaceDetector {
		n = 120
	}
	for _, mode := range []giftsync.Mode{giftsync.Incremental, giftsync.Reassociate, giftsync.ReassociateAll, giftsync.Retry} {
		for _, secondary := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				w := simulation.New(t, hubspottest.Options{Seed: 111}, thnksapitest.Options{})
				w.Must(giftsync.Backfill)
				w.Portal.RequireAssociation("thnks", "contacts")
				ann, acme, deal := w.AddPerson("ann@example.com")
				for i := range 10 {
					w.AddGift(fmt.Sprintf("T-a%d", i), "ann@example.com", simulation.Day)
				}
				for i := range n {
					w.AddGift(fmt.Sprintf("T-%03d", i), fmt.Sprintf("p%d@example.com", i), simulation.Day)
				}
				rep := w.Must(giftsync.Backfill)
				if rep.Created != 10 || rep.Quarantined != n {
					t.Fatalf("%+v, want 10 created and %d waiting", rep, n)
				}
				w.WantLinked("T-a3", map[string][]string{"contacts": {ann}, "companies": {acme}, "deals": {deal}})
				for key, q := range w.Quarantine() {
					if q.Class != giftsync.ClassNeedsContact || q.TransactionID != key {
						t.Fatalf("%+v, want it to wait for a contact", q)
					}
				}
				if !required(w) {
					t.Error("it is not remembered that HubSpot requires a contact")
				}
				time.Sleep(time.Hour)
				if rep := w.Must(giftsync.Incremental); simulation.Calls(rep) != 0 {
					t.Errorf("an idle pass makes %d calls", simulation.Calls(rep))
				}

				bob := w.Portal.AddContact("p17@example.com", nil)
				if secondary {
					w.Portal.UpdateProperties("contacts", bob, map[string]string{"email": "bob@example.com", "hs_additional_emails": "p17@example.com"})
				}
				time.Sleep(simulation.Day)
				rep = w.Must(mode)
				w.WantLinked("T-017", map[string][]string{"contacts": {bob}})
				if rep.Created != 1 || rep.Quarantined != n-1 || len(w.Quarantine()) != n-1 {
					t.Errorf("%s: %+v, want one created and %d waiting on", mode, rep, n-1)
				}
				if !required(w) {
					t.Errorf("%s: it is forgotten that HubSpot requires a contact", mode)
				}

				w.Portal.ClearRules()
				time.Sleep(simulation.Day)
				rep = w.Must(mode)
				if rep.Created != n-1 || rep.Orphans[plan.NoContact] != n-1 || len(w.Quarantine()) != 0 || required(w) {
					t.Errorf("%s: %+v, want all created, as no contact is required any more", mode, rep)
				}
			})
		}
	}
}

// TestContactRequiredWholeBatch: HubSpot refuses a batch as a whole for the gifts
// among it that have no contact.
func TestContactRequiredWholeBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 112}, thnksapitest.Options{})
		w.Must(giftsync.Backfill)
		w.Portal.RequireAssociation("thnks", "contacts")
		w.Portal.AddContact("ann@example.com", nil)
		for i := range 80 {
			w.AddGift(fmt.Sprintf("T-%d", i), []string{"ann@example.com", "nobody@example.com"}[i%2], simulation.Day)
		}
		w.WrapHubSpot = untraced
		if rep := w.Must(giftsync.Backfill); rep.Created != 40 || rep.Quarantined != 40 {
			t.Errorf("%+v, want half created and half waiting", rep)
		}
	})
}

// TestDryRunOfWhatWaits plans what would be created, and tries nothing.
func TestDryRunOfWhatWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 113}, thnksapitest.Options{})
		w.Must(giftsync.Backfill)
		w.Portal.RequireAssociation("thnks", "contacts")
		for i := range 5 {
			w.AddGift(fmt.Sprintf("T-%d", i), fmt.Sprintf("p%d@example.com", i), simulation.Day)
		}
		w.Must(giftsync.Backfill)
		w.Portal.AddContact("p3@example.com", nil)
		before := w.Portal.Snapshot()
		dry := w.MustDo(giftsync.Request{Mode: giftsync.Reassociate, DryRun: true})
		if dry.Created != 1 || dry.Quarantined != 4 || !simulation.Same(before, w.Portal.Snapshot()) {
			t.Errorf("%+v, want one creation planned", dry)
		}
	})
}

// untraced takes the trace ids from creates, so that HubSpot refuses a batch as a
// whole.
func untraced(next http.RoundTripper) http.RoundTripper {
	return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
		if !strings.Contains(req.URL.Path, "/objects/") || !strings.HasSuffix(req.URL.Path, "/batch/create") {
			return next.RoundTrip(req)
		}
		b, _ := io.ReadAll(req.Body)
		b = regexp.MustCompile(`"objectWriteTraceId":"[^"]*",?`).ReplaceAll(b, nil)
		req = req.Clone(req.Context())
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
		return next.RoundTrip(req)
	})
}

// TestWaitingSend: the record of a send that waits for a contact is not asked of Thnks,
// which does not know it.
func TestWaitingSend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 115}, thnksapitest.Options{})
		w.Must(giftsync.Backfill)
		w.Portal.RequireAssociation("thnks", "contacts")
		l := openLedger(w)
		l.ask(coffee("s1", "bob@example.com"))
		l.show(w)
		l.st.Close()
		if q := w.Quarantine()["send-s1"]; q.Class != giftsync.ClassNeedsContact {
			t.Fatalf("%+v, want it to wait for a contact", q)
		}
		asked := 0
		w.WrapThnks = func(next http.RoundTripper) http.RoundTripper {
			return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
				if strings.Contains(req.URL.Path, "/transactions/send-") {
					asked++
					return simulation.Reply(req, http.StatusBadRequest, ""), nil
				}
				return next.RoundTrip(req)
			})
		}
		time.Sleep(25 * time.Hour)
		w.Must(giftsync.Incremental)
		if asked != 0 {
			t.Errorf("Thnks was asked %d times for a send of ours", asked)
		}
	})
}

// TestWaitingGiftCannotBeAskedFor: a source that fails to answer for a gift that waits for a
// contact does not end the daily pass, and the gift is created the day after. It is not
// asked for daily any more when it has waited for long.
func TestWaitingGiftCannotBeAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := waitingWithoutRow(t, true)
		failing, asked := true, 0
		w.WrapThnks = func(next http.RoundTripper) http.RoundTripper {
			return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
				if !strings.HasSuffix(req.URL.Path, "/transactions/T-1") {
					return next.RoundTrip(req)
				}
				asked++
				if failing {
					return simulation.Reply(req, http.StatusServiceUnavailable, ""), nil
				}
				return next.RoundTrip(req)
			})
		}
		time.Sleep(4 * simulation.Day) // the daily pass lists it no more
		w.Must(giftsync.Incremental)
		if asked == 0 || len(w.Quarantine()) != 1 {
			t.Fatalf("asked %d times, quarantine has %v", asked, w.QuarantineReasons())
		}
		bob := w.Portal.AddContact("bob@example.com", nil)
		failing = false
		time.Sleep(25 * time.Hour)
		if rep := w.Must(giftsync.Incremental); rep.Created != 1 || len(w.Quarantine()) != 0 {
			t.Errorf("%+v, want it created", rep)
		}
		w.WantLinked("T-1", map[string][]string{"contacts": {bob}})
	})
	synctest.Test(t, func(t *testing.T) {
		w := waitingWithoutRow(t, true)
		time.Sleep(32 * simulation.Day)
		w.Must(giftsync.Incremental) // the weekly pass
		asked := 0
		w.WrapThnks = func(next http.RoundTripper) http.RoundTripper {
			return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
				if strings.HasSuffix(req.URL.Path, "/transactions/T-1") {
					asked++
				}
				return next.RoundTrip(req)
			})
		}
		time.Sleep(25 * time.Hour)
		if w.Must(giftsync.Incremental); asked != 0 {
			t.Errorf("a daily pass asks %d times for a gift that has waited for a month", asked)
		}
	})
}

// TestWaitingGiftsOfASourceThatIsDown: of many gifts that wait for a contact without their
// rows two are asked for, where that shows that the source is down, and one where it wants to
// be left alone for long. The day after all are created.
func TestWaitingGiftsOfASourceThatIsDown(t *testing.T) {
	t.Parallel()
	for status, tries := range map[int]int{http.StatusServiceUnavailable: 2 * 5, http.StatusTooManyRequests: 1} {
		synctest.Test(t, func(t *testing.T) {
			w := waitingWithoutRow(t, true)
			for n := 2; n <= 20; n++ {
				id := fmt.Sprintf("T-%d", n)
				w.AddGift(id, "bob@example.com", 0)
				w.Thnks.Update(id, func(tx *thnksapitest.Transaction) { tx.Sender.Email = "sam@example.com" })
			}
			w.Must(giftsync.Incremental)
			w.Portal.AddContact("bob@example.com", nil)
			down, asked := true, 0
			w.WrapThnks = func(next http.RoundTripper) http.RoundTripper {
				return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
					if !down || !strings.Contains(req.URL.Path, "/transactions/T-") {
						return next.RoundTrip(req)
					}
					asked++
					res := simulation.Reply(req, status, "")
					res.Header.Set("Retry-After", "3600")
					if status == http.StatusServiceUnavailable {
						res.Header.Del("Retry-After")
					}
					return res, nil
				})
			}
			time.Sleep(25 * time.Hour)
			w.Must(giftsync.Reassociate)
			if asked != tries || len(w.Quarantine()) != 20 {
				t.Errorf("%d: asked %d times, want %d; %d wait", status, asked, tries, len(w.Quarantine()))
			}
			down = false
			time.Sleep(25 * time.Hour)
			if rep := w.Must(giftsync.Reassociate); rep.Created != 20 {
				t.Errorf("%d: %d are created, want 20", status, rep.Created)
			}
		})
	}
}

// waitingWithoutRow is a world in which T-1 waits for a contact, bob@example.com, without
// its row, as its sender was erased. Thnks can be asked for it where detail is set.
func waitingWithoutRow(t *testing.T, detail bool) *simulation.World {
	t.Helper()
	w := simulation.New(t, hubspottest.Options{Seed: 114}, thnksapitest.Options{})
	if !detail {
		w.Dialect.DetailPath = ""
	}
	w.AddPerson("ann@example.com")
	w.AddGiftFrom("T-0", "sam@example.com")
	w.Must(giftsync.Backfill)
	st := w.Open()
	if _, err := w.Engine(st).Erase(t.Context(), giftsync.Person{Email: "sam@example.com"}); err != nil {
		t.Fatal(err)
	}
	st.Close()
	w.Portal.RequireAssociation("thnks", "contacts")
	time.Sleep(time.Hour)
	w.AddGift("T-1", "bob@example.com", 0)
	w.Thnks.Update("T-1", func(tx *thnksapitest.Transaction) { tx.Sender.Email = "sam@example.com" })
	w.Must(giftsync.Incremental)
	if q := w.Quarantine()["T-1"]; q.Class != giftsync.ClassNeedsContact || len(q.Row) > 0 {
		t.Fatalf("%+v, want it to wait for a contact without its row", q)
	}
	return w
}

// TestWaitingGiftOfAnErasedSender: a gift that waits for a contact, and whose row is not kept
// as it names a sender who was erased, is created when its contact appears: the source is
// asked for it again or, where it cannot be asked, lists it.
func TestWaitingGiftOfAnErasedSender(t *testing.T) {
	t.Parallel()
	for _, detail := range []bool{true, false} {
		t.Run(fmt.Sprintf("asked %v", detail), func(t *testing.T) {
			mode := giftsync.Incremental
			if detail {
				mode = giftsync.Reassociate // lists nothing
			}
			synctest.Test(t, func(t *testing.T) {
				w := waitingWithoutRow(t, detail)
				time.Sleep(12 * time.Hour)
				if w.Must(giftsync.Reassociate); len(w.Quarantine()) != 1 {
					t.Fatalf("quarantine has %v, want the gift to wait on", w.QuarantineReasons())
				}
				bob := w.Portal.AddContact("bob@example.com", nil)
				time.Sleep(25 * time.Hour)
				if rep := w.Must(mode); rep.Created != 1 || len(w.Quarantine()) != 0 {
					t.Errorf("%+v, want it created", rep)
				}
				w.WantLinked("T-1", map[string][]string{"contacts": {bob}})
				wantProperties(t, w, "T-1", map[string]string{"sender_email": ""})
			})
		})
	}
}

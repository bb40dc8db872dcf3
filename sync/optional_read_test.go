package sync_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/doctor"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// tooLarge is an answer beyond what is read of one.
var tooLarge = `{"results":[` + strings.Repeat(" ", 9<<20) + `]}`

// lastingFailures are the ways in which HubSpot, or what is before it, may fail at a
// call each time.
var lastingFailures = map[string]func(*http.Request) (*http.Response, error){
	"500": func(req *http.Request) (*http.Response, error) {
		return simulation.Reply(req, http.StatusInternalServerError, `{"status":"error","message":"ann@example.com"}`), nil
	},
	"a firewall": func(req *http.Request) (*http.Response, error) {
		return simulation.Reply(req, http.StatusForbidden, `<html>ann@example.com</html>`), nil
	},
	"a reset": func(*http.Request) (*http.Response, error) { return nil, syscall.ECONNRESET },
	"too large": func(req *http.Request) (*http.Response, error) {
		return simulation.Reply(req, http.StatusOK, tooLarge), nil
	},
	"another form": func(req *http.Request) (*http.Response, error) {
		return simulation.Reply(req, http.StatusOK, `{"results":"none"}`), nil
	},
}

// failingWith answers calls of which at is true in one of these ways.
func failingWith(fail func(*http.Request) (*http.Response, error), at func(path, body string) bool) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
			if at(req.URL.Path, bodyOf(req)) {
				return fail(req)
			}
			return next.RoundTrip(req)
		})
	}
}

// TestOptionalReads: where HubSpot fails at a read that only spares calls, or fills
// what is an extra, the gifts are copied all the same, with their links.
func TestOptionalReads(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]func(path, body string) bool{
		"contacts with additional addresses": func(path, body string) bool {
			return strings.HasSuffix(path, "/contacts/search") && strings.Contains(body, "HAS_PROPERTY")
		},
		"open deals": func(path, _ string) bool { return strings.HasSuffix(path, "/deals/search") },
		"owners":     func(path, _ string) bool { return strings.Contains(path, "/crm/owners/") },
		"pipelines":  func(path, _ string) bool { return strings.Contains(path, "/crm/pipelines/") },
		"the statistics' deals": func(path, _ string) bool {
			return strings.HasSuffix(path, "/objects/2026-09/deals")
		},
		"the statistics' companies": func(path, _ string) bool {
			return strings.HasSuffix(path, "/objects/2026-09/companies/batch/read")
		},
	} {
		for how, fail := range lastingFailures {
			if simulation.RaceDetector && how != "500" && how != "another form" {
				continue // it takes twenty times as long
			}
			t.Run(name+", "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					const gifts = 240
					w := simulation.New(t, hubspottest.Options{Seed: 71}, thnksapitest.Options{})
					w.Bounds.WindowRows, w.Bounds.SliceGifts = gifts/2, gifts/4
					w.Configure = func(c *giftsync.Config) { c.Listing = true }
					for i := range gifts {
						c, _, _ := w.AddPerson(fmt.Sprintf("main%d@example.com", i))
						w.Portal.UpdateProperties("contacts", c, map[string]string{"hs_additional_emails": fmt.Sprintf("p%d@example.com", i)})
						w.AddGift(simulation.ID(i), fmt.Sprintf("%s%d@example.com", []string{"main", "p"}[i%2], i), simulation.Day)
					}
					time.Sleep(time.Hour)
					var failed atomic.Int64
					w.WrapHubSpot = failingWith(func(req *http.Request) (*http.Response, error) {
						failed.Add(1)
						return fail(req)
					}, at)
					if rep := w.Must(giftsync.Backfill); rep.Created != gifts || rep.Orphans[plan.NoContact] != 0 {
						t.Errorf("report %+v", rep)
					}
					time.Sleep(simulation.Week)
					w.Must(giftsync.Incremental)
					w.Check()
					if failed.Load() == 0 {
						t.Error("HubSpot was not asked")
					}
				})
			})
		}
	}
}

// TestOwnersUnlisted: while HubSpot fails at the listing of its users, records keep the
// owners that they have and new ones have none; the report and `check` say so. Later the
// ones without get theirs. A portal that answers nothing at all ends the run.
func TestOwnersUnlisted(t *testing.T) {
	t.Parallel()
	for how, fail := range lastingFailures {
		if simulation.RaceDetector && how == "too large" {
			continue // it takes ten times as long
		}
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := simulation.New(t, hubspottest.Options{Seed: 73}, thnksapitest.Options{})
				sam := w.Portal.AddOwner("sam@example.com", "Sam", "Poe")
				w.AddGiftFrom("T-1", "sam@example.com")
				w.Must(giftsync.Backfill)
				w.WrapHubSpot = failingWith(fail, func(path, _ string) bool { return strings.Contains(path, "/crm/owners/") })
				w.AddGiftFrom("T-2", "sam@example.com")
				time.Sleep(time.Hour)
				rep := w.Must(giftsync.Incremental)
				if said := strings.Join(rep.Warnings, "\n"); rep.Created != 1 || !strings.Contains(said, "listing owners") || !strings.Contains(said, "sync --reassociate=all") {
					t.Errorf("report %+v", rep)
				}
				w.Must(giftsync.ReassociateAll)
				if owner(w, "T-1") != sam || owner(w, "T-2") != "" {
					t.Errorf("owners %q and %q, want Sam and none", owner(w, "T-1"), owner(w, "T-2"))
				}
				st := w.Open()
				found := doctor.Check(t.Context(), w.Engine(st).View(), w.Client(), nil)
				st.Close()
				if !slices.ContainsFunc(found, func(f doctor.Finding) bool {
					return f.Level == doctor.Warn && strings.Contains(f.What, "listing owners") && strings.Contains(f.Remedy, "--reassociate=all")
				}) {
					t.Errorf("check says nothing of it: %+v", found)
				}
				w.WrapHubSpot = nil
				w.Must(giftsync.ReassociateAll)
				if owner(w, "T-1") != sam || owner(w, "T-2") != sam {
					t.Errorf("owners %q and %q, want Sam twice", owner(w, "T-1"), owner(w, "T-2"))
				}
				w.WrapHubSpot = failingWith(fail, func(path, _ string) bool { return true })
				w.AddGiftFrom("T-3", "sam@example.com")
				time.Sleep(time.Hour)
				if _, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental}); err == nil {
					t.Error("a portal that answers nothing ends no run")
				}
			})
		})
	}
}

// TestSearchThatBreaks: an address at whose search HubSpot fails each time ends no run,
// and counts as searched by none.
func TestSearchThatBreaks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 74}, thnksapitest.Options{})
		c := w.Portal.AddContact("main@example.com", map[string]string{"hs_additional_emails": "old@example.com"})
		w.AddGift("T-1", "old@example.com", time.Hour)
		time.Sleep(time.Hour)
		w.WrapHubSpot = failingWith(lastingFailures["500"], func(path, body string) bool {
			return strings.HasSuffix(path, "/contacts/search") && strings.Contains(body, "old@example.com")
		})
		if rep := w.Must(giftsync.Backfill); rep.Created != 1 || rep.Orphans[plan.NoContact] != 1 {
			t.Errorf("report %+v", rep)
		}
		time.Sleep(simulation.Day)
		w.Must(giftsync.Incremental)
		w.WrapHubSpot = nil
		time.Sleep(simulation.Day)
		w.Must(giftsync.Incremental)
		wantContact(w, "T-1", c)
	})
}

// bodyOf returns a request's body, which can be read again.
func bodyOf(req *http.Request) string {
	if req.Body == nil {
		return ""
	}
	body, _ := io.ReadAll(req.Body)
	req.Body = io.NopCloser(bytes.NewReader(body))
	return string(body)
}

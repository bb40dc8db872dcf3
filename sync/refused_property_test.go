package sync_test

import (
	"bytes"
	"encoding/json"
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

// refusingValue is a HubSpot that refuses records in which a property has a value. It
// says so for each record or, if whole is set, of the batch, and of the property in
// a list of errors or, if inMessage is set, in the message.
func refusingValue(property, value string, whole, inMessage bool) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
			if !strings.Contains(req.URL.Path, "/objects/") || !strings.HasSuffix(req.URL.Path, "/batch/create") && !strings.HasSuffix(req.URL.Path, "/batch/update") {
				return next.RoundTrip(req)
			}
			var in struct {
				Inputs []map[string]any `json:"inputs"`
			}
			b, _ := io.ReadAll(req.Body)
			json.Unmarshal(b, &in)
			refusal := func() map[string]any {
				e := map[string]any{"status": "error", "category": "VALIDATION_ERROR", "message": "Property values were not valid"}
				if inMessage {
					e["message"] = fmt.Sprintf(`Property values were not valid: [{"isValid":false,"message":"no","error":"INVALID_OPTION","name":%q}]`, property)
				} else {
					e["errors"] = []any{map[string]any{"message": "no", "code": "INVALID_OPTION", "context": map[string]any{"propertyName": []string{property}}}}
				}
				return e
			}
			var good []map[string]any
			var errs []any
			for _, i := range in.Inputs {
				if i["properties"].(map[string]any)[property] != value {
					good = append(good, i)
					continue
				}
				e := refusal()
				e["context"] = map[string]any{"objectWriteTraceId": []any{i["objectWriteTraceId"]}}
				errs = append(errs, e)
			}
			if len(errs) > 0 && whole {
				text, _ := json.Marshal(refusal())
				return simulation.Reply(req, 400, string(text)), nil
			}
			var out map[string]any
			if len(good) > 0 {
				b, _ = json.Marshal(map[string]any{"inputs": good})
				req = req.Clone(req.Context())
				req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
				resp, err := next.RoundTrip(req)
				if err != nil || len(errs) == 0 {
					return resp, err
				}
				b, _ = io.ReadAll(resp.Body)
				json.Unmarshal(b, &out)
			} else {
				out = map[string]any{"status": "COMPLETE", "results": []any{}}
			}
			out["errors"], out["numErrors"] = errs, len(errs)
			text, _ := json.Marshal(out)
			return simulation.Reply(req, 207, string(text)), nil
		})
	}
}

// TestRefusedExtraIsLeftOut: HubSpot refuses an owner, or a tracking URL, of some
// gifts. They are written without, and with all else that they have.
func TestRefusedExtraIsLeftOut(t *testing.T) {
	t.Parallel()
	for _, whole := range []bool{false, true} {
		for _, inMessage := range []bool{false, true} {
			for _, property := range []string{"hubspot_owner_id", "tracking_url", "gift_name"} {
				synctest.Test(t, func(t *testing.T) {
					w := simulation.New(t, hubspottest.Options{Seed: 101}, thnksapitest.Options{})
					ann := w.Portal.AddContact("ann@example.com", nil)
					sam := w.Portal.AddOwner("sam@example.com", "Sam", "Poe")
					kim := w.Portal.AddOwner("kim@example.com", "Kim", "Lee")
					const n = 12
					for i := range n {
						id := fmt.Sprintf("T-%02d", i)
						w.AddGiftFrom(id, []string{"sam@example.com", "kim@example.com"}[i%2])
						w.Thnks.Update(id, func(tx *thnksapitest.Transaction) {
							tx.TrackingURL, tx.Gift.Name = fmt.Sprintf("https://thnks.test/%d", i%2), fmt.Sprint("Gift ", i%2)
						})
					}
					bad := map[string]string{"hubspot_owner_id": sam, "tracking_url": "https://thnks.test/0", "gift_name": "Gift 0"}
					w.WrapHubSpot = refusingValue(property, bad[property], whole, inMessage)
					rep, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Backfill})
					if property == "gift_name" { // no extra
						if whole && err == nil || !whole && rep.Quarantined != n/2 {
							t.Errorf("%s: %+v, %v; want half of them set aside, or the run stopped", property, rep, err)
						}
						return
					}
					if err != nil || rep.Created != n || rep.Quarantined != 0 {
						t.Fatalf("%s, whole %v, in message %v: %+v, %v; want all created", property, whole, inMessage, rep, err)
					}
					for i := range n {
						id := fmt.Sprintf("T-%02d", i)
						want := map[string]string{"hubspot_owner_id": []string{sam, kim}[i%2], "tracking_url": fmt.Sprintf("https://thnks.test/%d", i%2), "gift_name": fmt.Sprint("Gift ", i%2)}
						if want[property] == bad[property] {
							want[property] = ""
						}
						for name, value := range want {
							if got := w.Property(id, name); got != value {
								t.Errorf("%s: %s is %q, want %q", id, name, got, value)
							}
						}
						w.WantLinked(id, map[string][]string{"contacts": {ann}})
					}
					time.Sleep(time.Hour)
					if rep := w.Must(giftsync.Incremental); simulation.Calls(rep) != 0 {
						t.Errorf("%s: an idle pass makes %d calls", property, simulation.Calls(rep))
					}
					if rep := w.Must(giftsync.ReassociateAll); rep.Updated != 0 || rep.Quarantined != 0 {
						t.Errorf("%s: %+v, want nothing updated by another look", property, rep)
					}

					// Of an update, too, whatever else it is about.
					w.Thnks.Update("T-00", func(tx *thnksapitest.Transaction) {
						tx.Status, tx.TrackingURL, tx.UpdatedAt = "redeemed", "https://thnks.test/0?", time.Now()
					})
					w.WrapHubSpot = refusingValue("tracking_url", "https://thnks.test/0?", whole, inMessage)
					if rep := w.Must(giftsync.Incremental); rep.Updated != 1 || rep.Quarantined != 0 || w.Property("T-00", "status") != "redeemed" {
						t.Errorf("%s: %+v, status %s; want it updated but for the URL", property, rep, w.Property("T-00", "status"))
					}
				})
			}
		}
	}
}

// TestRefusalThatNamesNoPropertySetsAside: as before.
func TestRefusalThatNamesNoPropertySetsAside(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"status":"error","category":"VALIDATION_ERROR","message":"hubspot_owner_id is wrong"}`,
		`{"status":"error","category":"VALIDATION_ERROR","message":"x","errors":[{"message":"x","code":"INVALID_OPTION"}]}`,
		`{"status":"error","category":"VALIDATION_ERROR","message":"x","errors":[{"code":"INVALID_OPTION","context":{"propertyName":["hubspot_owner_id"]}},{"code":"INVALID_OPTION","context":{"propertyName":["status"]}}]}`,
		`{"status":"error","category":"VALIDATION_ERROR","message":"x","errors":[{"code":"PROPERTY_DOESNT_EXIST","context":{"propertyName":["hubspot_owner_id"]}}]}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.New(t, hubspottest.Options{Seed: 102}, thnksapitest.Options{})
			w.Portal.AddOwner("sam@example.com", "Sam", "Poe")
			w.Must(giftsync.Backfill) // makes the object
			w.AddGiftFrom("T-1", "sam@example.com")
			time.Sleep(time.Hour)
			w.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
				return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
					if !strings.HasSuffix(req.URL.Path, "/batch/create") {
						return next.RoundTrip(req)
					}
					b, _ := io.ReadAll(req.Body)
					if strings.Contains(string(b), "hubspot_owner_id") {
						return simulation.Reply(req, 400, body), nil
					}
					req = req.Clone(req.Context())
					req.Body = io.NopCloser(bytes.NewReader(b))
					return next.RoundTrip(req)
				})
			}
			if rep := w.Must(giftsync.Incremental); rep.Quarantined != 1 {
				t.Errorf("%s: %+v, want the gift set aside", body, rep)
			}
		})
	}
}
